package account

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/recovery"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

const (
	// CodePeriod is how long an authenticator app shows a code. A step is the number of a period
	// since 1970.
	CodePeriod = 30 * time.Second

	acceptedDistance = 1  // steps between an accepted code and the clock of the service
	reportedDistance = 10 // steps up to which a refused code is reported as that of a wrong clock

	enrolmentLifetime = 15 * time.Minute
)

// ErrWrongCode is the cause of the fault for a code that is refused.
var ErrWrongCode = errors.New("wrong code of the second factor")

// errEarlyCode is the cause of the fault for the code of a future step.
var errEarlyCode = fmt.Errorf("%w: it is early", ErrWrongCode)

// TOTPSecrets creates the secrets of authenticator apps and verifies their codes. New returns a
// secret for an account. Step returns the step, within the distance around the given one, for
// which a sealed secret generates the code; if there are several, it returns the nearest. Both
// fail with fault.Unavailable.
type TOTPSecrets interface {
	New(accountID, email string) (Enrolment, error)
	Step(accountID string, sealed []byte, code string, around int64, distance int) (step int64, found bool, err error)
}

// Enrolment is a new secret of an authenticator app.
type Enrolment struct {
	Secret string // in base32
	URI    string // otpauth URI
	QR     string // QR code of the URI, an SVG image
	Sealed []byte // encrypted secret
}

// Factor is the second factor of an account: an authenticator app. It is on if
// Account.TOTPSince is set.
type Factor struct {
	Secret   []byte         `json:"secret,omitempty"`   // encrypted
	LastStep int64          `json:"lastStep,omitzero"`  // of the last accepted code
	Refused  []int64        `json:"refused,omitempty"`  // future steps whose codes were sent too early, oldest first; these codes are never accepted
	Logins   int64          `json:"logins,omitzero"`    // number of logins with a code; the next one ends all challenges
	Recovery recovery.Codes `json:"recovery,omitempty"` // unused ones

	Pending      []byte    `json:"pending,omitempty"` // encrypted secret that is not confirmed
	PendingSince time.Time `json:"pendingSince,omitzero"`
}

// HasTOTP reports whether logins of the account need a code.
func (a Account) HasTOTP() bool { return !a.TOTPSince.IsZero() }

// removeFactor turns TOTP off. Callers also end the sessions of the account.
func (r *Record) removeFactor() { r.TOTPSince, r.Factor = time.Time{}, Factor{} }

// Requirement selects the accounts that must have TOTP.
type Requirement string

// The requirements. The empty one selects none.
const (
	AdminsNeedTOTP   Requirement = "admins"
	ManagersNeedTOTP Requirement = "managers" // and admins
	AllNeedTOTP      Requirement = "all"
)

// NeedsTOTP reports whether an account must have TOTP.
func (s *Service) NeedsTOTP(a Account) bool {
	switch s.TOTPRequired {
	case AdminsNeedTOTP:
		return a.Role == auth.Admin
	case ManagersNeedTOTP:
		return a.Role == auth.Admin || a.Manager
	}
	return s.TOTPRequired == AllNeedTOTP
}

// stepOf returns the step near the current one for which a secret generates the code. It fails
// with fault.Invalid, caused by ErrWrongCode or errEarlyCode. If only the clock of the device
// is wrong, it returns the step, too.
func (s *Service) stepOf(id string, sealed []byte, code string) (int64, error) {
	now := s.step()
	step, found, err := s.TOTPSecrets.Step(id, sealed, code, now, reportedDistance)
	switch {
	case err != nil:
		return 0, err
	case !found:
		return 0, refusedCode("mismatch", ErrWrongCode, "the code is wrong")
	case step < now-acceptedDistance:
		return step, refusedCode("clock", ErrWrongCode, "the code is old, or the clock of your device is about %s slow: set it to the network time and use the current code", time.Duration(now-step)*CodePeriod)
	case step > now+acceptedDistance:
		return step, refusedCode("clock", errEarlyCode, "the clock of your device is about %s fast: set it to the network time and use the current code", time.Duration(step-now)*CodePeriod)
	}
	return step, nil
}

// step returns the current step.
func (s *Service) step() int64 { return s.now().Unix() / int64(CodePeriod/time.Second) }

// useCode verifies a code of the authenticator app and marks it as used. It fails as stepOf
// does, and for a code that was used. An early code is never accepted, not even when its time
// has come: the error about the clock confirms to an attacker that the guessed code is correct.
// Therefore the caller must store the factor even if the cause of the error is errEarlyCode.
func (s *Service) useCode(r *Record, code string) error {
	f, now := &r.Factor, s.step()
	step, err := s.stepOf(r.ID, f.Secret, code)
	if err != nil {
		if errors.Is(err, errEarlyCode) {
			live := slices.DeleteFunc(slices.Clone(f.Refused), func(s int64) bool { return s < now-acceptedDistance })
			f.Refused = append(live, step)
		}
		return err
	}
	if step <= f.LastStep || slices.Contains(f.Refused, step) {
		return refusedCode("used", ErrWrongCode, "the code was used before; wait for the next one")
	}
	f.LastStep = step
	return nil
}

// refusedCode returns a fault.Invalid. The code of its detail is mismatch, used or clock.
func refusedCode(code string, cause error, format string, args ...any) error {
	f := fault.New(fault.Invalid, format, args...).Because(cause)
	return f.With(fault.Detail{Path: "/code", Code: code, Message: "must be the current code of your authenticator app, or an unused recovery code"})
}
