package mongo

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/battery-passport/suite/pkg/store"
)

// TestABulkThatFailedOtherwiseIsNoDuplicate: who adds again and again what may
// be there takes a conflict for success.
func TestABulkThatFailedOtherwiseIsNoDuplicate(t *testing.T) {
	bulk := func(concern *mongo.WriteConcernError, codes ...int) error {
		e := mongo.BulkWriteException{WriteConcernError: concern}
		for _, code := range codes {
			e.WriteErrors = append(e.WriteErrors, mongo.BulkWriteError{WriteError: mongo.WriteError{Code: code}})
		}
		return e
	}
	for name, c := range map[string]struct {
		err       error
		duplicate bool
	}{
		"duplicates":          {bulk(nil, 11000, 11000), true},
		"one among others":    {bulk(nil, 11000, 121, 11000), false},
		"the last":            {bulk(nil, 121, 11000), false},
		"not majority either": {bulk(&mongo.WriteConcernError{Code: 64}, 11000), false},
		"one write":           {mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 11000}}}, true},
		"another write":       {mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 121}}}, false},
	} {
		got := taken(c.err)
		if _, ok := store.Duplicate(got); ok != c.duplicate || !ok && !errors.As(got, new(mongo.BulkWriteException)) && !errors.As(got, new(mongo.WriteException)) {
			t.Errorf("%s: %v, want a duplicate: %t", name, got, c.duplicate)
		}
	}
}
