package passport

import (
	"context"
	"fmt"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// Limits of one verification. A longer history takes several requests.
const (
	maxVerifiedVersions = 1_000
	maxVerifiedBytes    = 16 << 20 // of data, exceeded by one version at most
	// verificationAge is how long after its first request a verification may continue. A
	// result therefore describes the versions as they were read during that time.
	verificationAge = 10 * time.Minute
	// maxVerifications is the maximum number of unfinished verifications. When it is exceeded,
	// the oldest is dropped and must begin again.
	maxVerifications = 1_000
)

// HistoryVerification is the result of checking the hash chain of a passport.
type HistoryVerification struct {
	PassportID string `json:"passportId" format:"uuid" doc:"id of the passport"`
	Complete   bool   `json:"complete" doc:"true if the verification has a result, see intact; false if the history is too long for one request: repeat the request within 10 minutes, which continues after the verified versions"`
	Intact     *bool  `json:"intact,omitempty" doc:"true if the hashes of all versions are correct, false if one is not (see brokenAt); absent until the verification is complete"`
	Versions   int64  `json:"versions" doc:"number of versions"`
	Verified   int64  `json:"verified" doc:"the versions from 1 to this number are verified and correct"`
	BrokenAt   int64  `json:"brokenAt,omitzero" doc:"number of the first version that was modified or is missing"`
	Reason     string `json:"reason,omitempty" doc:"description of the error in version brokenAt"`
	Hash       string `json:"hash,omitempty" doc:"hash of the newest version, only for the owner and admins and only if the history is intact; store it outside this system to detect a rewritten history later"`
}

// Verify computes the hash of the versions of a passport and compares it with the stored
// hashes. It begins with version 1, or continues an unfinished verification of this
// process; see the limits above.
func (s *Service) Verify(ctx context.Context, id string) (HistoryVerification, error) {
	p, access, err := s.findHistory(ctx, id)
	if err != nil {
		return HistoryVerification{}, err
	}
	begin := s.verifications.take(&p, s.Now())
	v, end, size := HistoryVerification{PassportID: p.ID, Versions: p.Head.Number}, begin, 0
	for end.number < p.Head.Number && end.number-begin.number < maxVerifiedVersions && size < maxVerifiedBytes {
		record, reason, err := s.verifyVersion(ctx, &p, end.number+1, end.hash)
		if err != nil {
			s.verifications.put(p.ID, end)
			return HistoryVerification{}, err
		}
		if reason != "" {
			v.Complete, v.Intact = true, new(bool)
			v.Verified, v.BrokenAt, v.Reason = end.number, end.number+1, reason
			return v, nil
		}
		end.number, end.hash = record.Number, record.Hash
		size += len(record.Data)
	}
	if v.Verified = end.number; v.Verified < v.Versions {
		s.verifications.put(p.ID, end)
		return v, nil
	}
	intact := true
	v.Complete, v.Intact = true, &intact
	if access.Owner {
		v.Hash = end.hash
	}
	return v, nil
}

// verifyVersion returns a version, and the error in it as text, or "".
func (s *Service) verifyVersion(ctx context.Context, p *Passport, number int64, previous string) (record Version, reason string, err error) {
	record, err = s.version(ctx, p, number)
	if ctxErr := ctx.Err(); ctxErr != nil {
		return record, "", ctxErr
	}
	if fault.Is(err, fault.Unavailable) {
		return record, "", err
	}
	if reason = checkVersion(record, err, p.ID, number, previous); reason == "" {
		reason = checkCopies(p, &record)
	}
	return record, reason, nil
}

// checkCopies returns the error of the members of a passport that are copied from a
// version as text, or "".
func checkCopies(p *Passport, v *Version) string {
	switch {
	case v.Number == 1 && (!v.CreatedAt.Equal(p.CreatedAt) || v.CreatedBy != p.CreatedBy):
		return "createdAt or createdBy of the passport do not match version 1"
	case v.Number == p.Head.Number && p.BatteryIdentifier != p.text(batteryIdentifier):
		return "batteryIdentifier of the passport does not match the data"
	}
	return ""
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
