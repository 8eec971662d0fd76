package passportd_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestEveryWritePublishesOneEvent also checks that events name only public fields.
func TestEveryWritePublishesOneEvent(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		operator := s.as(auth.Operator, "Veloform")
		p := s.create(operator, sample(t, "lmt-ebike.json"))
		path := "/api/passports/" + p.ID
		s.Call("PUT "+path, operator, sample(t, "lmt-ebike.json")).Want(200, nil)
		s.Call("PATCH "+path, operator, `{"data":{"generalInformation":{"batteryMass":3,"batteryModel":{"gtin":null}},"labelsAndConformity":{"testReports":[]},"carbonFootprint":{"methodology":"x"},"circularity":null}}`).Want(200, nil)
		s.Call("PATCH "+path, operator, `{"data":{"generalInformation":{"batteryMass":"heavy"}}}`).Want(422, nil)
		s.Call("PATCH "+path, operator, `{"data":{"generalInformation":null,"carbonFootprint":{}}}`, "If-Match", `"2"`).Want(200, nil)
		s.Call("DELETE "+path, operator, nil).Want(204, nil)

		type event struct {
			topic    string
			sequence int64
			payload  map[string]any
		}
		ref := map[string]any{"passportId": p.ID, "batteryIdentifier": p.BatteryIdentifier, "organisation": "Veloform"}
		with := func(members map[string]any) map[string]any {
			for k, v := range ref {
				if _, ok := members[k]; !ok {
					members[k] = v
				}
			}
			return members
		}
		actor := "operator@Veloform"
		want := []event{
			{"passport.created", 1, with(map[string]any{"modelName": "Veloform 36 V 482 Wh", "manufacturerName": "Veloform Accu B.V.", "createdBy": actor, "createdAt": "TIME"})},
			{"passport.updated", 2, with(map[string]any{"updatedBy": actor, "updatedAt": "TIME", "updatedFields": fieldsOfFirstPatch(t), "currentState": "draft"})},
			{"passport.updated", 3, with(map[string]any{"batteryIdentifier": "", "updatedBy": actor, "updatedAt": "TIME", "updatedFields": fieldsOfSecondPatch(t), "currentState": "draft"})},
			{"passport.deleted", 4, with(map[string]any{"batteryIdentifier": "", "deletedBy": actor, "deletedAt": "TIME"})},
		}
		passports, _ := s.open(t)
		if _, err := passports.List(t.Context(), store.Query{Scopes: []string{store.All}, Limit: 1}); err != nil {
			t.Fatal(err)
		}
		waiting := storetest.WaitingEvents(t, passports.Outbox(), p.ID)
		var got []event
		for _, e := range waiting {
			var payload map[string]any
			if err := json.Unmarshal(e.Data, &payload); err != nil || e.Key != p.ID {
				t.Errorf("event %+v: %v", e, err)
			}
			for k, v := range payload {
				if strings.HasSuffix(k, "At") {
					if _, err := time.Parse("2006-01-02T15:04:05.000Z", v.(string)); err != nil {
						t.Errorf("%s: %v", k, err)
					}
					payload[k] = "TIME"
				}
			}
			got = append(got, event{e.Type, e.Sequence, payload})
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(event{})); diff != "" {
			t.Errorf("events (-want +got)\n%s", diff)
		}
	})
}

// fieldsOfFirstPatch returns the public fields that the first patch of
// TestEveryWritePublishesOneEvent changes.
func fieldsOfFirstPatch(t *testing.T) []any {
	fields := append(leaves(t, "circularity"), "data.carbonFootprint.methodology", "data.generalInformation.batteryMass",
		"data.generalInformation.batteryModel.gtin", "data.labelsAndConformity.testReports")
	return publicOnly(fields)
}

// fieldsOfSecondPatch returns the public fields that the second patch removes with
// their section.
func fieldsOfSecondPatch(t *testing.T) []any {
	fields := slices.DeleteFunc(leaves(t, "generalInformation"), func(f string) bool { return strings.HasSuffix(f, ".gtin") })
	return publicOnly(fields)
}

// restricted are fields that are not public. Events must not contain their names.
var restricted = []string{
	"data.circularity.dismantlingInformation", "data.circularity.spareParts", "data.circularity.safetyMeasures", "data.labelsAndConformity.testReports",
	"data.generalInformation.batteryStatus", "data.generalInformation.placingOnMarketDate", "data.generalInformation.puttingIntoServiceDate",
	"data.generalInformation.economicOperatorInformation.role",
}

// publicOnly returns the fields that are not restricted, sorted.
func publicOnly(fields []string) []any {
	fields = slices.DeleteFunc(fields, func(f string) bool {
		return slices.ContainsFunc(restricted, func(path string) bool { return strings.HasPrefix(f, path) })
	})
	slices.Sort(fields)
	var out []any
	for _, f := range fields {
		out = append(out, f)
	}
	return out
}

// leaves returns the paths of the values in a section of lmt-ebike.json. An array is
// one value.
func leaves(t *testing.T, section string) []string {
	var body struct{ Data map[string]any }
	if err := json.Unmarshal([]byte(sample(t, "lmt-ebike.json")), &body); err != nil {
		t.Fatal(err)
	}
	var paths []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		if m, ok := v.(map[string]any); ok {
			for name, member := range m {
				walk(path+"."+name, member)
			}
			return
		}
		paths = append(paths, path)
	}
	walk("data."+section, body.Data[section])
	return paths
}
