package passportd_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestReadPassportCanBeWrittenBack checks that the response of a GET is a valid PUT, and
// that members which the service sets must not differ.
func TestReadPassportCanBeWrittenBack(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "A")
	p := s.create(operator, bodyWith("generalInformation.batteryIdentifier", `"https://a.example/b/1"`))
	route := "PUT /api/passports/" + p.ID
	read := func() map[string]any {
		var body map[string]any
		s.Call("GET /api/passports/"+p.ID, operator, nil).Want(200, &body)
		return body
	}
	stored := read()
	if len(stored) < 9 {
		t.Fatalf("the owner reads %v, want all members", stored)
	}
	s.Call(route, operator, stored).Want(200, &p)
	if p.Version != 1 {
		t.Errorf("version after an unchanged PUT: got %d, want 1", p.Version)
	}
	stored["createdAt"] = strings.Replace(stored["createdAt"].(string), "Z", "+00:00", 1)
	stored["isActive"] = true
	stored["data"].(map[string]any)["generalInformation"].(map[string]any)["batteryMass"] = 450.5
	s.Call(route, operator, stored).Want(200, &p)
	if p.Version != 2 {
		t.Errorf("version after a changed PUT: got %d, want 2", p.Version)
	}
	s.Call(route, operator, stored).WantProblem(412) // version 1
	s.Call(route, operator, read(), "If-Match", `"1"`).WantProblem(412)
	s.Call(route, operator, read(), "If-Match", `"2", "7"`).Want(200, nil)
	for member, value := range map[string]string{
		"id": `"x"`, "state": `"active"`, "batteryIdentifier": `"https://a.example/b/2"`, "owner": `{"organisation":"B"}`, "createdAt": `"2020-01-01T00:00:00Z"`,
		"createdBy": `null`, "updatedAt": `"yesterday"`, "updatedBy": `7`, "isActive": `false`, "version": `"2"`,
	} {
		for _, value := range []string{value, "null"} {
			body := read()
			body[member] = json.RawMessage(value)
			s.Call(route, operator, body).WantProblem(422, "/"+member+" readOnly")
		}
	}
}

// TestCreateIgnoresMembersOfTheFirstRelease creates a passport like clients of the first
// release, which send members that the service sets, and the status in title case.
func TestCreateIgnoresMembersOfTheFirstRelease(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "A")
	body := `{"data":{"generalInformation":{"batteryStatus":%q}},"createdBy":"admin","createdAt":"2025-09-10T19:50:09.350Z","updatedAt":null,"isActive":true}`
	var p struct {
		CreatedAt string
		Data      struct {
			GeneralInformation struct{ BatteryStatus string }
		}
	}
	s.Call("POST /api/passports", operator, fmt.Sprintf(body, "Original")).Want(201, &p)
	if p.Data.GeneralInformation.BatteryStatus != "original" || strings.HasPrefix(p.CreatedAt, "2025") {
		t.Errorf("got %+v, want the status original and the time of the request", p)
	}
	s.Call("POST /api/passports", operator, fmt.Sprintf(body, "Second Life")).WantProblem(422, "/data/generalInformation/batteryStatus enum")
	s.Call("POST /api/passports", operator, `{"data":{},"id":"x","version":3}`).WantProblem(422, "/id readOnly", "/version readOnly")
}
