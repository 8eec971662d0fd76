package passport

import (
	"context"
	"iter"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/batteryid"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Filter selects passports. An empty field matches every passport.
type Filter struct {
	BatteryIdentifier string
	Category          string
	State             State
	ModelID           string
	GTIN              string // in any length
	CreatedBy         string // account id
}

// index returns the index values of the filter, by index name.
func (f Filter) index() map[string]string {
	return map[string]string{
		"batteryIdentifier": batteryid.Key(f.BatteryIdentifier), "batteryCategory": f.Category, "state": string(f.State), "modelId": f.ModelID, "createdBy": f.CreatedBy,
		"gtin": gtin14(f.GTIN),
	}
}

// gtin14 returns a GTIN with 14 digits.
func gtin14(gtin string) string {
	if gtin == "" {
		return ""
	}
	return strings.Repeat("0", max(14-len(gtin), 0)) + gtin
}

// PublicModel returns the public part of a published passport of the model that the
// filter selects, by GTIN or model id. It fails with fault.NotFound.
func (s *Service) PublicModel(ctx context.Context, model Filter) (PassportView, error) {
	found, err := s.Passports.List(ctx, store.Query{Scopes: []string{publishedScope}, Filters: model.index(), Limit: 1})
	if err == nil && len(found.Rows) == 0 {
		err = fault.New(fault.NotFound, "no battery of this model has a published passport")
	}
	if err != nil {
		return PassportView{}, err
	}
	return s.viewFor(found.Rows[0].Doc, publicAccess()), nil
}

// ListParams selects a page of a list of passports.
type ListParams struct {
	Filter Filter
	Order  store.Order
	Cursor string // PassportPage.Next of the previous page; empty for the first
	Limit  int
}

// PassportPage is a page of a list of passports. Next is the cursor of the next page,
// empty on the last.
type PassportPage struct {
	Passports []PassportView
	Next      string
}

// List returns a page of the passports of the caller's organisation, or of all
// passports if the caller is an admin. Authorities and callers with a legitimate
// interest get the public part of all published passports.
func (s *Service) List(ctx context.Context, params ListParams) (PassportPage, error) {
	caller := auth.Caller(ctx)
	q := store.Query{Scopes: scopesOf(caller), Filters: params.Filter.index(), Order: params.Order, Cursor: params.Cursor, Limit: params.Limit}
	if q.Scopes[0] == publishedScope && params.Filter.CreatedBy != "" {
		return PassportPage{}, fault.New(fault.Invalid, "createdBy is not allowed for this caller").
			With(fault.Detail{Path: "createdBy", Code: "notApplicable", Message: "is only allowed in lists of your own passports"})
	}
	found, err := s.Passports.List(ctx, q)
	page := PassportPage{Passports: make([]PassportView, 0, len(found.Rows)), Next: found.Next}
	for _, row := range found.Rows {
		access, err := AccessOf(caller, &row.Doc)
		if err != nil || !access.Owner {
			access = publicAccess()
		}
		page.Passports = append(page.Passports, s.viewFor(row.Doc, access))
	}
	return page, err
}

// All returns the passports of all pages of List. It fails as List does for the first page.
func (s *Service) All(ctx context.Context, params ListParams) (iter.Seq2[PassportView, error], error) {
	first, err := s.List(ctx, params)
	return func(yield func(PassportView, error) bool) {
		for page, err := first, error(nil); ; page, err = s.List(ctx, params) {
			if err != nil {
				yield(PassportView{}, err)
				return
			}
			for _, view := range page.Passports {
				if !yield(view, nil) {
					return
				}
			}
			if params.Cursor = page.Next; params.Cursor == "" {
				return
			}
		}
	}, err
}
