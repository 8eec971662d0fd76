package passport

import (
	"context"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Filter selects passports. Empty fields match all.
type Filter struct {
	BatteryIdentifier string
	Category          string
	State             State
	ModelID           string
	CreatedBy         string
}

// index returns the filter as the store indexes it.
func (f Filter) index() map[string]string {
	return map[string]string{
		"batteryIdentifier": f.BatteryIdentifier, "batteryCategory": f.Category, "state": string(f.State), "modelId": f.ModelID, "createdBy": f.CreatedBy,
	}
}

// ListParams asks for a page of a list of passports.
type ListParams struct {
	Filter Filter
	Order  store.Order
	Cursor string // PassportPage.Next of the page before, of the same list
	Limit  int
}

// PassportPage is a page of a list of passports. Next is empty on the last.
type PassportPage struct {
	Passports []PassportView
	Next      string
}

// List returns a page of the passports of the caller's organisation, of all for
// admins. Authorities and those with a legitimate interest get the public part of
// all that are published.
func (s *Service) List(ctx context.Context, params ListParams) (PassportPage, error) {
	caller := auth.Caller(ctx)
	q := store.Query{Scopes: scopesOf(caller), Filters: params.Filter.index(), Order: params.Order, Cursor: params.Cursor, Limit: params.Limit}
	if q.Scopes[0] == published && params.Filter.CreatedBy != "" {
		return PassportPage{}, fault.New(fault.Invalid, "the filter is not valid").
			With(fault.Detail{Path: "createdBy", Code: "notApplicable", Message: "is available to the owners of passports only"})
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
