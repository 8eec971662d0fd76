package passport

import (
	"context"

	"github.com/battery-passport/suite/pkg/auth"
)

// lookUp finds out which identifiers of the rows belong to passports. It needs one look-up
// per index for all rows.
func (im *Importer) lookUp(ctx context.Context, rows []*importing) error {
	scopes := draftScopesOf(auth.Caller(ctx))
	for _, a := range uniqueAttributes {
		rowsOf := map[string][]*importing{} // by unique value
		var values []string
		for _, r := range rows {
			for _, v := range a.uniqueValues(r.sub.data.Text(a.path), scopes) {
				rowsOf[v] = append(rowsOf[v], r)
				values = append(values, v)
			}
		}
		if len(values) == 0 {
			continue
		}
		ids, err := im.service.Passports.IDsBy(ctx, a.index, values)
		if err != nil {
			return err
		}
		for v := range ids {
			for _, r := range rowsOf[v] {
				r.taken[a.index] = true
			}
		}
	}
	return nil
}
