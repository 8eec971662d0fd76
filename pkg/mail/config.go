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

// Config is the configuration of the mail server, which is the same in all services.
type Config struct {
	Host      string `envconfig:"SMTP_HOST" desc:"Host name of the mail server; requires FROM_EMAIL. Empty: no mail is sent."`
	Port      int    `envconfig:"SMTP_PORT" default:"587" desc:"Port of the mail server."`
	User      string `envconfig:"SMTP_USER" desc:"User name at the mail server. Empty: no authentication."`
	Password  string `envconfig:"SMTP_PASS" secret:"true" desc:"Password of SMTP_USER; only sent over TLS or to the local machine."`
	TLS       string `envconfig:"SMTP_TLS" default:"auto" desc:"TLS mode. auto: TLS from the start on port 465, mandatory STARTTLS on other ports; implicit: TLS from the start; starttls: mandatory STARTTLS; none: no TLS."`
	FromEmail string `envconfig:"FROM_EMAIL" desc:"Sender address of mails. Empty: SMTP_USER."`
	FromName  string `envconfig:"FROM_NAME" default:"Battery Passport System" desc:"Sender name of mails."`

	// Roots are the trusted certificates; nil: those of the system.
	Roots *x509.CertPool
}

const implicitPort = 465

// Values of SMTP_TLS.
const (
	auto     = "auto"
	implicit = "implicit"
	startTLS = "starttls"
	none     = "none"
)

func (c Config) implicitTLS() bool {
	return c.TLS == implicit || c.TLS == auto && c.Port == implicitPort
}

// from returns the sender address.
func (c Config) from() string {
	if c.FromEmail == "" {
		return c.User
	}
	return c.FromEmail
}

// Validate returns an error with a line for each invalid setting.
func (c Config) Validate() error {
	var errs []error
	if !slices.Contains([]string{auto, implicit, startTLS, none}, c.TLS) {
		errs = append(errs, fmt.Errorf("  SMTP_TLS: must be auto, implicit, starttls or none, got %q", c.TLS))
	}
	if c.Port < 1 || c.Port > 65535 {
		errs = append(errs, fmt.Errorf("  SMTP_PORT: must be a number from 1 to 65535, got %d", c.Port))
	}
	if strings.ContainsFunc(c.FromName, unicode.IsControl) {
		errs = append(errs, fmt.Errorf("  FROM_NAME: must not have control characters, got %q", c.FromName))
	}
	if (c.User == "") != (c.Password == "") {
		errs = append(errs, errors.New("  SMTP_USER: SMTP_USER and SMTP_PASS must both be set, or both be empty"))
	}
	if c.FromEmail != "" && !isAddress(c.FromEmail) {
		errs = append(errs, fmt.Errorf("  FROM_EMAIL: must be an email address, got %q", c.FromEmail))
	}
	if c.Host != "" && c.FromEmail == "" && !isAddress(c.User) {
		errs = append(errs, errors.New("  FROM_EMAIL: is missing; it is required if SMTP_HOST is set and SMTP_USER is not an email address"))
	}
	return errors.Join(errs...)
}

func isAddress(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text
}
