package session

import (
	"crypto/hmac"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/fault"
)

// ChallengeLifetime is how long a challenge is valid.
const ChallengeLifetime = 5 * time.Minute

// Challenge proves that the password of a login was right, while the second factor is missing.
// Like a device token it is signed and not stored, so each instance can verify it.
type Challenge struct {
	Account string
	Epoch   int64  // of the sessions of the account
	Logins  int64  // of the account with a second factor; the next one ends the challenge
	Device  string // verified id of the device of the login, or empty
}

const challengeSize = 2*idSize + 3*8

// IssueChallenge returns the text of a challenge.
func (s *Service) IssueChallenge(c Challenge) (string, error) {
	key, err := s.Key()
	if err != nil {
		return "", err
	}
	account, err := uuid.Parse(c.Account)
	if err != nil {
		return "", err
	}
	device := make([]byte, idSize) // zero: unknown
	if _, err := encoding.Decode(device, []byte(c.Device)); err != nil {
		return "", err
	}
	data := append(account[:], device...)
	for _, n := range []int64{c.Epoch, c.Logins, s.Now().Add(ChallengeLifetime).Unix()} {
		data = binary.BigEndian.AppendUint64(data, uint64(n))
	}
	return encoding.EncodeToString(append(data, keyedHash(key, "challenge", data)[:tagSize]...)), nil
}

// ParseChallenge returns the challenge of a text. It fails as ErrChallenge if this service did not issue
// it, or if it has expired.
func (s *Service) ParseChallenge(text string) (c Challenge, err error) {
	key, err := s.Key()
	if err != nil {
		return c, err
	}
	data, err := encoding.DecodeString(text)
	if err != nil || len(data) != challengeSize+tagSize || len(text) != encoding.EncodedLen(len(data)) ||
		!hmac.Equal(data[challengeSize:], keyedHash(key, "challenge", data[:challengeSize])[:tagSize]) {
		return c, ErrChallenge()
	}
	numbers := data[2*idSize : challengeSize]
	if s.Now().Unix() >= int64(binary.BigEndian.Uint64(numbers[16:])) {
		return c, ErrChallenge()
	}
	c = Challenge{Account: uuid.UUID(data[:idSize]).String(), Epoch: int64(binary.BigEndian.Uint64(numbers)), Logins: int64(binary.BigEndian.Uint64(numbers[8:]))}
	if device := [idSize]byte(data[idSize:]); device != [idSize]byte{} {
		c.Device = encoding.EncodeToString(device[:])
	}
	return c, nil
}

// ErrChallenge returns the fault.Unauthenticated of every challenge that is not accepted, whatever the reason.
func ErrChallenge() error {
	return fault.New(fault.Unauthenticated, "the challenge is not valid: it was used, has expired, or the account has changed; log in with the password again").
		With(fault.Detail{Path: "/challenge", Code: "refused", Message: "must be the challenge of a login of the last five minutes, not used"})
}
