package organisation

import (
	"context"
	"strings"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// next stores a new audit entry in the organisation and returns the history record of the
// previous one.
func (s *Service) next(ctx context.Context, r *Record, action audit.Action, before Organisation) []store.HistoryRecord {
	return s.Audit.Next(ctx, &r.LastEntry, audit.Entry{
		Organisation: r.ID, Number: r.LastEntry.Number + 1, Action: action, Changes: differences(before, r.Organisation),
	})
}

func differences(before, after Organisation) []audit.FieldDiff {
	var diffs []audit.FieldDiff
	now := after.fields()
	for i, d := range before.fields() {
		if d.New != now[i].New {
			diffs = append(diffs, audit.FieldDiff{Field: d.Field, Old: d.New, New: now[i].New})
		}
	}
	return diffs
}

// fields returns the members that an admin can change, as New of their names.
func (o Organisation) fields() []audit.FieldDiff {
	return []audit.FieldDiff{
		{Field: "name", New: o.Name},
		{Field: "identifiers/gln", New: o.Identifiers.GLN}, {Field: "identifiers/eori", New: o.Identifiers.EORI}, {Field: "identifiers/vat", New: o.Identifiers.VAT},
		{Field: "identifiers/lei", New: o.Identifiers.LEI}, {Field: "identifiers/euid", New: o.Identifiers.EUID},
		{Field: "address/streetAddress", New: o.Address.StreetAddress}, {Field: "address/postalCode", New: o.Address.PostalCode},
		{Field: "address/city", New: o.Address.City}, {Field: "address/country", New: o.Address.Country},
		{Field: "webAddress", New: o.WebAddress}, {Field: "formerIds", New: strings.Join(o.FormerIDs, ", ")},
	}
}

// AppendNewest appends the newest entry of the organisation that f selects to the audit.
func (s *Service) AppendNewest(ctx context.Context, f audit.Filter) error {
	if f.Organisation == "" {
		return nil
	}
	row, err := s.Organisations.Get(ctx, f.Organisation)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Audit.Ensure(ctx, row.Doc.LastEntry)
}
