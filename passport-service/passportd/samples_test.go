package passportd_test

import (
	"encoding/json"
	"io/fs"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestSamplesAreStoredUnchanged stores every sample as a draft and reads it again.
func TestSamplesAreStoredUnchanged(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	names, err := fs.Glob(samples.FS, "*-*.json")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range names {
		if name == "invalid-cases.json" || name == "structure-errors.json" {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			c, operator := s.On(t), s.as(auth.Operator, "A")
			var sent struct{ Data json.RawMessage }
			if err := json.Unmarshal([]byte(sample(t, name)), &sent); err != nil {
				t.Fatal(err)
			}
			var p apiPassport
			c.Call("POST /api/passports", operator, sample(t, name)).Want(201, &p)
			c.Call("GET /api/passports/"+p.ID, operator, nil).Want(200, &p)
			if string(p.Data) != canonical(t, sent.Data) {
				t.Errorf("data: got %s, want the canonical form of the sample", p.Data)
			}
			c.Call("DELETE /api/passports/"+p.ID, operator, nil).Want(204, nil) // two samples have the same identifiers
		})
	}
	if n != 12 {
		t.Errorf("got %d samples, want 12", n)
	}
}

// readSample decodes a JSON file of the samples.
func readSample(t *testing.T, name string, out any) {
	t.Helper()
	if err := json.Unmarshal([]byte(sample(t, name)), out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// invalidBodies returns the bodies of the 67 invalid cases and the 3 invalid files, by name.
func invalidBodies(t *testing.T) map[string]string {
	t.Helper()
	bodies := map[string]string{}
	var cases struct {
		Cases []struct {
			Name, Base string
			Patch      json.RawMessage
		}
	}
	readSample(t, "invalid-cases.json", &cases)
	for _, c := range cases.Cases {
		patch, err := jsonpatch.DecodePatch(c.Patch)
		if err != nil {
			t.Fatal(err)
		}
		body, err := patch.Apply([]byte(sample(t, c.Base)))
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		bodies[c.Name] = string(body)
	}
	files, err := fs.Glob(samples.FS, "invalid/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		var file struct{ Body json.RawMessage }
		readSample(t, name, &file)
		bodies[name] = string(file.Body)
	}
	if len(bodies) != 67+3 {
		t.Errorf("got %d cases, want 70", len(bodies))
	}
	return bodies
}
