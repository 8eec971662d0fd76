package passport

import (
	"context"
	"fmt"

	"github.com/battery-passport/suite/pkg/fault"
)

// Verification is the result of checking the hash chain of a passport.
type Verification struct {
	PassportID string `json:"passportId"`
	Intact     bool   `json:"intact" doc:"every version is the one that was written"`
	Versions   int64  `json:"versions" doc:"how many there are"`
	BrokenAt   int64  `json:"brokenAt,omitzero" doc:"the first version that is another than it was"`
	Reason     string `json:"reason,omitempty" doc:"how that shows"`
	Hash       string `json:"hash,omitempty" doc:"hash of the newest version, where all are intact: kept elsewhere, it proves later that none was written anew"`
}

// Verify computes the hash of every version of a passport, from the first on, and
// compares it with the chain.
func (s *Service) Verify(ctx context.Context, id string) (Verification, error) {
	p, access, err := s.findHistory(ctx, id)
	if err != nil {
		return Verification{}, err
	}
	v := Verification{PassportID: p.ID, Versions: p.Head.Number}
	previous := ""
	for n := int64(1); n <= p.Head.Number; n++ {
		record, err := s.version(ctx, &p, n)
		if err := ctx.Err(); err != nil {
			return Verification{}, err
		}
		if fault.Is(err, fault.Unavailable) {
			return Verification{}, err
		}
		if v.Reason = checkVersion(record, err, p.ID, n, previous); v.Reason != "" {
			v.BrokenAt = n
			return v, nil
		}
		previous = record.Hash
	}
	v.Intact = true
	if access.Owner {
		v.Hash = previous
	}
	return v, nil
}

// checkVersion returns what is wrong with a version that was read, or "".
func checkVersion(v Version, err error, passportID string, number int64, previous string) string {
	if fault.Is(err, fault.NotFound) {
		return "it is missing"
	}
	if err != nil {
		return "it cannot be read"
	}
	sealed := v
	if err := sealed.seal(previous); err != nil {
		return "it cannot be read"
	}
	switch {
	case v.PassportID != passportID || v.Number != number:
		return fmt.Sprintf("it says that it is version %d of %s", v.Number, v.PassportID)
	case v.DataHash != sealed.DataHash:
		return "its data is not the data that was hashed"
	case v.PreviousHash != previous:
		return "it does not follow the version before"
	case v.Hash != sealed.Hash:
		return "its record is not the record that was hashed"
	}
	return ""
}
