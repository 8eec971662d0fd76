package documentd_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestChangesOfMetadataAreAudited checks that each change of metadata has an event with
// the names of the changed fields and the account that changed them.
func TestChangesOfMetadataAreAudited(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		operator, admin := s.as(auth.Operator, "A"), s.as(auth.Admin, "")
		d := s.upload(operator, file("a.pdf", "", pdf))
		type change struct {
			By          string
			Fields      []string
			IsPublic    bool
			AccessClass string
		}
		var want []change
		for _, c := range []struct {
			token, body string
			change
		}{
			{operator, `{"isPublic":true}`, change{"operator@A", []string{"accessClass", "isPublic"}, true, "public"}},
			{admin, `{"accessClass":"authority","isPublic":false}`, change{"admin@", []string{"accessClass", "isPublic"}, false, "authority"}},
			{admin, `{"accessClass":"authority","isPublic":"false"}`, change{}}, // nothing changes
			{operator, `{"fileName":"b.pdf","description":"x","passportId":"` + passportID + `","kind":"test-report"}`,
				change{"operator@A", []string{"description", "fileName", "kind", "passportId"}, false, "authority"}},
			{operator, `{"accessClass":"owner"}`, change{"operator@A", []string{"accessClass"}, false, "owner"}},
		} {
			var got documentResponse
			s.Call("PUT /api/documents/"+d.DocID, c.token, c.body).Want(200, &got)
			if c.By == "" {
				continue
			}
			if want = append(want, c.change); got.UpdatedBy != c.By {
				t.Errorf("PUT %s: updatedBy = %q, want %q", c.body, got.UpdatedBy, c.By)
			}
		}
		s.Call("PUT /api/documents/"+d.DocID, s.as(auth.User, "B"), `{"isPublic":true}`).WantProblem(404)
		documents, _ := s.open(t)
		var got []change
		for _, e := range storetest.WaitingEvents(t, documents.Outbox(), d.DocID)[1:] {
			var u event.DocumentUpdated
			if err := json.Unmarshal(e.Data, &u); err != nil || e.Type != "document.updated" || u.DocID != d.DocID || u.UploadedBy != "operator@A" || u.Organisation != "A" {
				t.Errorf("event %s %s, %v", e.Type, e.Data, err)
			}
			got = append(got, change{u.UpdatedBy, u.UpdatedFields, u.IsPublic, u.AccessClass})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got)\n%s", diff)
		}
	})
}
