package mongo

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/battery-passport/suite/pkg/store"
)

// TestOnlyDuplicatesAreRefusals: a writer takes a duplicate for success when it
// inserts a record again, so no other failure may look like one.
func TestOnlyDuplicatesAreRefusals(t *testing.T) {
	bulk := func(concern *mongo.WriteConcernError, codes ...int) error {
		e := mongo.BulkWriteException{WriteConcernError: concern}
		for i, code := range codes {
			e.WriteErrors = append(e.WriteErrors, mongo.BulkWriteError{WriteError: mongo.WriteError{Index: 2 * i, Code: code}})
		}
		return e
	}
	for name, c := range map[string]struct {
		err     error
		n       int
		refused []int // nil: the database failed
	}{
		"none":                  {nil, 2, []int{}},
		"duplicates":            {bulk(nil, 11000, 11000), 4, []int{0, 2}},
		"one of another kind":   {bulk(nil, 11000, 121, 11000), 5, nil},
		"the last is a failure": {bulk(nil, 121, 11000), 3, nil},
		"no majority":           {bulk(&mongo.WriteConcernError{Code: 64}, 11000), 1, nil},
		"only no majority":      {bulk(&mongo.WriteConcernError{Code: 64}), 1, nil},
		"one write":             {mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 11000}}}, 1, []int{0}},
		"another write":         {mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 121}}}, 1, nil},
	} {
		errs, err := refusals(c.err, c.n)
		if (err != nil) != (c.refused == nil) {
			t.Errorf("%s: failed with %v", name, err)
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
		if len(errs) != c.n || len(got) != len(c.refused) || len(got) > 0 && got[len(got)-1] != c.refused[len(got)-1] {
			t.Errorf("%s: refused %v of %d, want %v", name, got, len(errs), c.refused)
		}
	}
}
