package document

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Origin is the id of a database. The keys of its objects begin with it, so that
// databases can share a bucket and a sweep finds no objects of another database.
type Origin struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"createdAt"`
}

// OriginSchema declares how the id of a database is stored.
func OriginSchema() store.Schema[Origin] {
	return store.Schema[Origin]{Name: "document_origins", Version: 1}
}

// theOrigin is the only one.
const theOrigin = "origin"

// key returns the key of the object of a document.
func (s *Service) key(ctx context.Context, id string) (string, error) {
	prefix, err := s.prefix(ctx)
	return prefix + id, err
}

// prefix returns what all keys of this database begin with. The first process
// that finds none stores one.
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
