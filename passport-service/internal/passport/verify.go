package passport

import (
	"context"
	"fmt"

	"github.com/battery-passport/suite/pkg/fault"
)

// HistoryVerification is the result of checking the hash chain of a passport.
type HistoryVerification struct {
	PassportID string `json:"passportId" doc:"id of the passport"`
	Intact     bool   `json:"intact" doc:"true if the hashes of all versions are correct"`
	Versions   int64  `json:"versions" doc:"number of versions"`
	BrokenAt   int64  `json:"brokenAt,omitzero" doc:"number of the first version that was modified or is missing"`
	Reason     string `json:"reason,omitempty" doc:"description of the error in version brokenAt"`
	Hash       string `json:"hash,omitempty" doc:"hash of the newest version, only for the owner and admins and only if the history is intact; store it outside this system to detect a rewritten history later"`
}

// Verify computes the hash of every version of a passport, from version 1 on, and
// compares it with the stored hashes.
func (s *Service) Verify(ctx context.Context, id string) (HistoryVerification, error) {
	p, access, err := s.findHistory(ctx, id)
	if err != nil {
		return HistoryVerification{}, err
	}
	v := HistoryVerification{PassportID: p.ID, Versions: p.Head.Number}
	previous := ""
	for n := int64(1); n <= p.Head.Number; n++ {
		record, err := s.version(ctx, &p, n)
		if err := ctx.Err(); err != nil {
			return HistoryVerification{}, err
		}
		if fault.Is(err, fault.Unavailable) {
			return HistoryVerification{}, err
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

// checkVersion returns the error of a version as text, or ""; err is the error of
// reading it.
func checkVersion(v Version, err error, passportID string, number int64, previous string) string {
	if fault.Is(err, fault.NotFound) {
		return "the version is missing"
	}
	if err != nil {
		return "the version cannot be read"
	}
	sealed := v
	if err := sealed.seal(previous); err != nil {
		return "the version cannot be read"
	}
	switch {
	case v.PassportID != passportID || v.Number != number:
		return fmt.Sprintf("the record claims to be version %d of passport %s", v.Number, v.PassportID)
	case v.DataHash != sealed.DataHash:
		return "the data does not match dataHash"
	case v.PreviousHash != previous:
		return "previousHash does not match the previous version"
	case v.Hash != sealed.Hash:
		return "the record does not match hash"
	}
	return ""
}
