package mongo

import (
	"errors"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/battery-passport/suite/pkg/store"
)

// TestOnlyDuplicateKeysAreDuplicates: a writer that repeats an insert treats a
// duplicate as success, so no other failure may be reported as one.
func TestOnlyDuplicateKeysAreDuplicates(t *testing.T) {
	bulk := func(concern *mongo.WriteConcernError, codes ...int) error {
		e := mongo.BulkWriteException{WriteConcernError: concern}
		for i, code := range codes {
			e.WriteErrors = append(e.WriteErrors, mongo.BulkWriteError{WriteError: mongo.WriteError{Index: 2 * i, Code: code}})
		}
		return e
	}
	for name, c := range map[string]struct {
		err        error
		n          int
		duplicates []int // nil: the database failed
	}{
		"none":                 {nil, 2, []int{}},
		"duplicates":           {bulk(nil, 11000, 11000), 4, []int{0, 2}},
		"one other error":      {bulk(nil, 11000, 121, 11000), 5, nil},
		"the first is another": {bulk(nil, 121, 11000), 3, nil},
		"no write majority":    {bulk(&mongo.WriteConcernError{Code: 64}, 11000), 1, nil},
		"only no majority":     {bulk(&mongo.WriteConcernError{Code: 64}), 1, nil},
		"one write":            {mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 11000}}}, 1, []int{0}},
		"one write, another":   {mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 121}}}, 1, nil},
	} {
		errs, err := insertErrors(c.err, c.n)
		if (err != nil) != (c.duplicates == nil) {
			t.Errorf("%s: got error %v, want an error: %v", name, err, c.duplicates == nil)
			continue
		}
		if err != nil {
			if !errors.As(err, new(mongo.BulkWriteException)) && !errors.As(err, new(mongo.WriteException)) {
				t.Errorf("%s: %v does not wrap the cause", name, err)
			}
			continue
		}
		got := []int{}
		for i, err := range errs {
			if _, ok := store.Duplicate(err); ok {
				got = append(got, i)
			}
		}
		if len(errs) != c.n || !slices.Equal(got, c.duplicates) {
			t.Errorf("%s: duplicates at %v of %d, want %v", name, got, len(errs), c.duplicates)
		}
	}
}
