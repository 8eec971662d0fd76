package authd_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestClientsOfOrganisationAreLimited: of many requests at the same time, as many succeed as the
// organisation may have clients. Deleted clients and other organisations do not count.
func TestClientsOfOrganisationAreLimited(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	root := s.register("root@x.example", "admin")
	s.organisation(root, "nordlicht")
	s.organisation(root, "suedlicht")
	create := func(organisation string) resttest.Response {
		return s.Call("POST /api/auth/clients", root.Token, map[string]string{"name": "ERP", "role": "user", "organisation": organisation})
	}
	for range 96 {
		create("nordlicht").Want(201, nil)
	}
	var created atomic.Int64
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			switch r := create("nordlicht"); r.Status {
			case 201:
				created.Add(1)
			case 409:
				if !strings.Contains(r.Text, "has 100 API clients") {
					t.Errorf("refusal: %s", r.Text)
				}
			default:
				t.Errorf("create = %d: %s", r.Status, r.Text)
			}
		})
	}
	clients.Wait()
	if created.Load() != 4 {
		t.Errorf("%d clients created at once, want 4", created.Load())
	}
	var list struct{ Items []apiClient }
	s.Call("GET /api/auth/clients?organisation=nordlicht&limit=100", root.Token, nil).Want(200, &list)
	if len(list.Items) != 100 {
		t.Errorf("%d clients, want 100", len(list.Items))
	}
	create("suedlicht").Want(201, nil)
	s.Call("DELETE /api/auth/clients/"+list.Items[0].ID, root.Token, nil).Want(204, nil)
	create("nordlicht").Want(201, nil)
}
