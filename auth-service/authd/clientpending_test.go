package authd_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/battery-passport/suite/auth-service/internal/client"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestClientWorksAfterRevocationWithoutChange: the service stored the revocation of the tokens of
// a client, and was killed before it changed the client. The client gets tokens that are valid.
func TestClientWorksAfterRevocationWithoutChange(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		root := s.register("root@x.example", "admin")
		erp := s.newClient(root, "operator", s.organisation(root, "nordlicht"))
		old := s.clientToken(erp.ID, erp.Secret)
		path := "/api/auth/clients/" + erp.ID
		s.Call("PATCH "+path, root.Token, `{"disabled":true}`).Want(200, nil)
		clients := store.Open(openStore(t, db), client.Schema())
		_, err := clients.Update(t.Context(), erp.ID, func(r *client.Record) (store.Change, error) {
			r.Disabled = false
			r.Rights--
			return store.Change{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		s.eventuallyRefused(old.AccessToken)
		s.Call("GET /api/auth/profile", s.clientToken(erp.ID, erp.Secret).AccessToken, nil).Want(200, nil)
		if row, err := clients.Get(t.Context(), erp.ID); err != nil || row.Doc.Rights != 1 {
			t.Errorf("rights = %d, %v, want 1", row.Doc.Rights, err)
		}
	})
}

// TestNoClientOfDeletedOrganisation creates clients while their organisation is deleted: either
// the organisation remains, or no client of it.
func TestNoClientOfDeletedOrganisation(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		root := s.register("root@x.example", "admin")
		for i := range 20 {
			id := s.organisation(root, fmt.Sprint("maker-", i))
			var requests sync.WaitGroup
			var created, deleted int
			requests.Go(func() {
				created = s.Call("POST /api/auth/clients", root.Token, map[string]string{"name": "ERP", "role": "operator", "organisation": id}).Status
			})
			requests.Go(func() { deleted = s.Call("DELETE /api/auth/organisations/"+id, root.Token, nil).Status })
			requests.Wait()
			var page struct{ Items []apiClient }
			s.Call("GET /api/auth/clients?organisation="+id, root.Token, nil).Want(200, &page)
			isCreated, isDeleted := created == http.StatusCreated, deleted == http.StatusNoContent
			if isCreated && isDeleted || isCreated != (len(page.Items) == 1) || !isCreated && created != http.StatusUnprocessableEntity || !isDeleted && deleted != http.StatusConflict {
				t.Errorf("%s: client %d, deletion %d, %d clients", id, created, deleted, len(page.Items))
			}
		}
	})
}
