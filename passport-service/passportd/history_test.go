package passportd_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func TestDiffNamesChangedFields(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		operator := s.as(auth.Operator, "A")
		p := s.create(operator, `{"data":{"generalInformation":{"batteryMass":1,"manufacturingPlace":""},"labelsAndConformity":{"extinguishingAgents":[{"agent":"Water"},{"agent":"Sand"}]}}}`)
		path := "/api/passports/" + p.ID
		s.Call("PATCH "+path, operator, `{"data":{"generalInformation":{"batteryMass":2,"manufacturingPlace":null,"warrantyPeriod":"P8Y"},"labelsAndConformity":{"extinguishingAgents":[{"agent":"Foam"}],"labelMeanings":[{"symbol":"CE","meaning":{"a/b~":"x"}}]}}}`).Want(200, nil)
		s.Call("PATCH "+path, operator, `{"data":{"labelsAndConformity":{"labelMeanings":[{"symbol":"CE","meaning":{"a/b~":"y"}}]}}}`).Want(200, nil)
		forward := `{"passportId":"` + p.ID + `","from":1,"to":2,"changes":[` +
			`{"path":"/data/generalInformation/batteryMass","old":1,"new":2},{"path":"/data/generalInformation/manufacturingPlace","old":""},` +
			`{"path":"/data/generalInformation/warrantyPeriod","new":"P8Y"},` +
			`{"path":"/data/labelsAndConformity/extinguishingAgents/0/agent","old":"Water","new":"Foam"},{"path":"/data/labelsAndConformity/extinguishingAgents/1","old":{"agent":"Sand"}},` +
			`{"path":"/data/labelsAndConformity/labelMeanings","new":[{"meaning":{"a/b~":"x"},"symbol":"CE"}]}]}`
		last := `{"passportId":"` + p.ID + `","from":2,"to":3,"changes":[{"path":"/data/labelsAndConformity/labelMeanings/0/meaning/a~1b~0","old":"x","new":"y"}]}`
		for query, want := range map[string]string{
			"?from=1&to=2": forward, "?from=2&to=3": last, "": last, "?to=3": last, "?from=2": last,
			"?from=3&to=3": `{"passportId":"` + p.ID + `","from":3,"to":3,"changes":[]}`, "?to=1": `{"passportId":"` + p.ID + `","from":1,"to":1,"changes":[]}`,
			"?from=3&to=2": strings.NewReplacer(`"from":2,"to":3`, `"from":3,"to":2`, `"old":"x","new":"y"`, `"old":"y","new":"x"`).Replace(last),
		} {
			if got := s.Call("GET "+path+"/diff"+query, operator, nil).Want(200, nil).Text; got != want+"\n" && got != want {
				t.Errorf("diff%s\n%s", query, cmp.Diff(want, got))
			}
		}
		for _, query := range []string{"?from=4", "?to=4", "?from=1&to=99"} {
			s.Call("GET "+path+"/diff"+query, operator, nil).WantProblem(404)
		}
		s.Call("GET "+path+"/diff?from=0", operator, nil).WantProblem(422, "query:from range")
		s.Call("GET "+path+"/diff?from=x", operator, nil).WantProblem(422, "query:from type")
		s.Call("GET /api/passports/none/diff", operator, nil).WantProblem(404)
		s.Call("GET "+path+"/diff", s.as(auth.Operator, "B"), nil).WantProblem(404)
		s.Call("GET "+path+"?at="+p.CreatedAt.Add(-time.Millisecond).Format(time.RFC3339Nano), operator, nil).WantProblem(404)
		s.Call("GET "+path+"?at="+time.Now().Add(time.Minute).UTC().Format(time.RFC3339), operator, nil).Want(200, nil) // clocks differ
		s.Call("GET "+path+"?at="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339), operator, nil).WantProblem(422, "query:at range")
		var v verification
		if s.Call("GET "+path+"/verify", operator, nil).Want(200, &v); !v.intact() || v.Versions != 3 || v.Hash == "" || v.BrokenAt != 0 {
			t.Errorf("verify: got %+v, want 3 intact versions", v)
		}
	})
}
