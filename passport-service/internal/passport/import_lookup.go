package passport

import (
	"context"

	"github.com/battery-passport/suite/pkg/auth"
)

// lookUp finds out which identifiers of the rows belong to passports, and sets taken and keys. It
// needs one look-up per index for all rows.
func (im *Importer) lookUp(ctx context.Context, rows []*pendingRow) error {
	scopes := draftScopesOf(auth.Caller(ctx))
	for _, r := range rows {
		r.taken, r.keys = map[string]bool{}, im.keys(r)
	}
	for _, a := range uniqueAttributes {
		rowsOf := map[string][]*pendingRow{} // by unique value
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
		for v, id := range ids {
			for _, r := range rowsOf[v] {
				r.taken[a.index] = true
				r.keys = append(r.keys, im.hash(id))
			}
		}
	}
	return nil
}

// keys returns the hashes of the identifiers of a row and, in a dry run, of the battery to
// which an earlier row gave the passport identifier.
func (im *Importer) keys(r *pendingRow) []uint64 {
	keys := []uint64{im.hash(r.key)}
	if r.passportKey != "" {
		keys = append(keys, im.hash(passportIdentifier+r.passportKey))
	}
	if battery, ok := im.dryRun.identifiedBy(im.hash(r.passportKey)); ok {
		keys = append(keys, battery)
	}
	return keys
}
