// Package totp creates the secrets of authenticator apps and verifies their codes: time-based one-time
// passwords (RFC 6238) of six digits for 30 seconds, with SHA-1, which every app supports.
package totp

import (
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	goqr "github.com/piglig/go-qr"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/battery-passport/suite/auth-service/internal/account"
)

const (
	issuer     = "Battery Passport"
	secretSize = 20 // bytes: RFC 4226, 4, requirement 6
	quietZone  = 4  // modules around a QR code: ISO/IEC 18004, 6.3.8
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Secrets implements account.TOTPSecrets. The key that encrypts the secrets is derived from the result
// of Key, which fails with fault.Unavailable.
type Secrets struct {
	Key func() ([]byte, error)
}

// New implements account.TOTPSecrets.
func (s Secrets) New(accountID, email string) (e account.Enrolment, err error) {
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: issuer, AccountName: email, SecretSize: secretSize, Period: uint(account.CodePeriod / time.Second), Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
	})
	if err != nil {
		return e, err
	}
	e.Secret, e.URI = key.Secret(), key.URL()
	if e.QR, err = qrCode(e.URI); err != nil {
		return e, err
	}
	secret, err := encoding.DecodeString(e.Secret)
	if err != nil {
		return e, err
	}
	e.Sealed, err = s.seal(accountID, secret)
	return e, err
}

// qrCode returns an SVG image.
func qrCode(text string) (string, error) {
	code, err := goqr.EncodeText(text, goqr.Medium)
	if err != nil {
		return "", fmt.Errorf("encode a QR code: %w", err)
	}
	svg, err := code.ToSVGBytes(goqr.NewQrCodeImgConfig(1, quietZone, goqr.WithOptimalSVG()))
	return string(svg), err
}

// Step implements account.TOTPSecrets.
func (s Secrets) Step(accountID string, sealed []byte, code string, around int64, distance int) (step int64, found bool, err error) {
	secret, err := s.open(accountID, sealed)
	if err != nil {
		return 0, false, err
	}
	code, text := strings.ReplaceAll(code, " ", ""), encoding.EncodeToString(secret)
	for d := range int64(distance + 1) {
		for _, step := range []int64{around - d, around + d} {
			if step < 0 {
				continue
			}
			ok, err := hotp.ValidateCustom(code, uint64(step), text, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
			if ok || err != nil && err != otp.ErrValidateInputInvalidLength {
				return step, ok, err
			}
		}
	}
	return 0, false, nil
}
