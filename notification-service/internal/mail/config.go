package mail

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"unicode"
)

// Config says how mail is sent.
type Config struct {
	Enabled   bool   `envconfig:"ENABLE_EMAIL_NOTIFICATIONS" default:"false" desc:"whether notifications go out by mail; needs SMTP_HOST and FROM_EMAIL"`
	Host      string `envconfig:"SMTP_HOST" desc:"mail server"`
	Port      int    `envconfig:"SMTP_PORT" default:"587" desc:"port of the mail server"`
	User      string `envconfig:"SMTP_USER" desc:"user at the mail server; empty: none is asked for"`
	Password  string `envconfig:"SMTP_PASS" secret:"true" desc:"password of that user; it is only sent over TLS, or to this machine"`
	TLS       string `envconfig:"SMTP_TLS" default:"auto" desc:"auto: TLS from the start on port 465, and STARTTLS, without which nothing is sent, on others; implicit, starttls: one of them on any port; none: no TLS"`
	FromEmail string `envconfig:"FROM_EMAIL" desc:"address that mail comes from; empty: SMTP_USER"`
	FromName  string `envconfig:"FROM_NAME" default:"Battery Passport System" desc:"name that mail comes from"`

	// Roots verify the mail server where they are set, else those of the system.
	Roots *x509.CertPool
}

const implicitPort = 465

// Ways to use TLS.
const (
	auto     = "auto"
	implicit = "implicit"
	startTLS = "starttls"
	none     = "none"
)

func (c Config) implicitTLS() bool {
	return c.TLS == implicit || c.TLS == auto && c.Port == implicitPort
}

// from is the address that mail comes from.
func (c Config) from() string {
	if c.FromEmail == "" {
		return c.User
	}
	return c.FromEmail
}

// Validate tells all that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if !slices.Contains([]string{auto, implicit, startTLS, none}, c.TLS) {
		errs = append(errs, fmt.Errorf("  SMTP_TLS: %q is not right: has to be auto, implicit, starttls or none", c.TLS))
	}
	if c.Port < 1 || c.Port > 65535 {
		errs = append(errs, errors.New("  SMTP_PORT: has to be 1 to 65535"))
	}
	if strings.ContainsFunc(c.FromName, unicode.IsControl) {
		errs = append(errs, errors.New("  FROM_NAME: has a control character"))
	}
	if (c.User == "") != (c.Password == "") {
		errs = append(errs, errors.New("  SMTP_USER: goes with SMTP_PASS; set both or none"))
	}
	if c.FromEmail != "" && !address(c.FromEmail) {
		errs = append(errs, errors.New("  FROM_EMAIL: is no mail address"))
	}
	if c.Enabled && c.Host == "" {
		errs = append(errs, errors.New("  SMTP_HOST: is not set, and ENABLE_EMAIL_NOTIFICATIONS needs it"))
	}
	if c.Enabled && !address(c.from()) {
		errs = append(errs, errors.New("  FROM_EMAIL: is not set, and ENABLE_EMAIL_NOTIFICATIONS needs it, or an SMTP_USER that is an address"))
	}
	return errors.Join(errs...)
}

func address(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text
}
