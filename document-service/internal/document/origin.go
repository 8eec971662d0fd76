package document

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Origin is the id of a database. All its objects have keys that begin with it,
// so that services with databases of their own can share a bucket, and a sweep
// finds nothing that another database knows of.
type Origin struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"createdAt"`
}

// OriginKind declares how the id of a database is stored.
func OriginSchema() store.Schema[Origin] {
	return store.Schema[Origin]{Name: "document_origins", Version: 1}
}

// theOrigin is the only one.
const theOrigin = "origin"

// key returns where the object of a document is.
func (s *Service) key(ctx context.Context, id string) (string, error) {
	prefix, err := s.prefix(ctx)
	return prefix + id, err
}

// prefix is what all keys of this database begin with. It is made up once: of
// those who find none one makes it, and all have the same.
func (s *Service) prefix(ctx context.Context) (string, error) {
	if known := s.origin.Load(); known != nil {
		return *known, nil
	}
	row, err := s.Origins.Get(ctx, theOrigin)
	if fault.Is(err, fault.NotFound) {
		row, err = s.Origins.Insert(ctx, theOrigin, Origin{ID: s.NewID(), CreatedAt: s.now()})
		if fault.Is(err, fault.Conflict) {
			row, err = s.Origins.Get(ctx, theOrigin)
		}
	}
	if err != nil {
		return "", err
	}
	prefix := row.Doc.ID + "/"
	s.origin.Store(&prefix)
	return prefix, nil
}
