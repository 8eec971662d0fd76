package document

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/store"
)

// KeyPrefix is a random id per database. All object keys of the database begin with
// it, so databases can share a bucket and a sweep does not touch foreign objects.
type KeyPrefix struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"createdAt"`
}

// KeyPrefixSchema declares how a KeyPrefix is stored.
func KeyPrefixSchema() store.Schema[KeyPrefix] {
	return store.Schema[KeyPrefix]{Name: "document_origins", Version: 1}
}

// keyPrefixID is the store id of the only KeyPrefix.
const keyPrefixID = "origin"

// key returns the object key of a document.
func (s *Service) key(ctx context.Context, id string) (string, error) {
	prefix, err := s.prefix(ctx)
	return prefix + id, err
}

// prefix returns the prefix of all object keys of this database. The first process
// that finds none creates it.
func (s *Service) prefix(ctx context.Context) (string, error) {
	if known := s.keyPrefix.Load(); known != nil {
		return *known, nil
	}
	row, err := s.KeyPrefixes.GetOrInsert(ctx, keyPrefixID, func() KeyPrefix { return KeyPrefix{ID: s.NewID(), CreatedAt: s.now()} })
	if err != nil {
		return "", err
	}
	prefix := row.Doc.ID + "/"
	s.keyPrefix.Store(&prefix)
	return prefix, nil
}
