package document

import (
	"context"
	"strings"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Public returns a document that everyone may read: it has the access class public, and
// belongs to the owner of a published passport that it names. Otherwise it fails with
// fault.NotFound, whether or not the document exists.
func (s *Service) Public(ctx context.Context, id string) (store.Row[Document], error) {
	row, err := s.Documents.Get(ctx, id)
	if err != nil {
		return row, missing(id, err)
	}
	d := &row.Doc
	if d.State != Ready || !d.IsPublic {
		return store.Row[Document]{}, notFound(id)
	}
	if err := s.setTrust(ctx, d); err != nil {
		return store.Row[Document]{}, err
	}
	if !d.FromPassportOwner {
		return store.Row[Document]{}, notFound(id)
	}
	published, err := s.Owners.IsPublished(ctx, d.PassportID)
	if err == nil && !published {
		err = notFound(id)
	}
	return row, err
}

// ListPublic returns a page of the documents of a passport that everyone may read. It is
// empty if the passport is unknown or not published.
func (s *Service) ListPublic(ctx context.Context, passport string, limit int, cursor string) (store.Page[Document], error) {
	if !uuid.MatchString(passport) {
		return store.Page[Document]{}, fault.New(fault.Invalid, "the query is not valid").
			With(fault.Detail{Path: "query:passportId", Code: "format", Message: "must be a UUID, the id of a passport"})
	}
	passport = strings.ToLower(passport)
	published, err := s.Owners.IsPublished(ctx, passport)
	if err != nil || !published {
		return store.Page[Document]{}, err
	}
	scopes, err := s.scopesOfPassport(ctx, passport, publicScope)
	if err != nil {
		return store.Page[Document]{}, err
	}
	return s.Documents.List(ctx, store.Query{Scopes: scopes, Limit: limit, Cursor: cursor})
}
