package authd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/provider"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/mail"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// Config is the configuration that the auth-service reads from the environment.
type Config struct {
	Port    rest.Port `envconfig:"PORT" default:"4000" desc:"Port of the HTTP server."`
	HTTP    rest.Config
	Metrics metrics.Config
	Store   connect.Config
	Kafka   kafka.Config
	Mail    mail.Config
	OIDC    provider.Config

	AppURL            string   `envconfig:"APP_URL" desc:"URL at which browsers reach the auth-service, for the links in its mails, for example https://passports.example. Empty: http://localhost with the port of the service; in production it must be https unless the host is loopback, and is required if SMTP_HOST is set."`
	Registration      string   `envconfig:"REGISTRATION" default:"open" desc:"Registration of accounts. open: everybody can register; invitation: nobody can, accounts are made by invitation, ADMIN_EMAIL or the command promote."`
	EmailVerification string   `envconfig:"EMAIL_VERIFICATION" default:"auto" desc:"Whether the email address of a registration must be confirmed with a link in a mail before the account writes and gets mail. required: yes, requires SMTP_HOST; off: no; auto: if SMTP_HOST is set and SMTP_TLS is not none, as it is for mail servers for development. Accounts that exist count as confirmed."`
	TokenSecret       string   `envconfig:"JWT_SECRET" secret:"true" desc:"Secret that signs access tokens with HS256, at least 32 characters, the same in all services; see JWT_ALGORITHM. Empty: tokens with HS256 are refused."`
	Algorithm         string   `envconfig:"JWT_ALGORITHM" desc:"Algorithm that signs access tokens: ES256, EdDSA or HS256, which needs JWT_SECRET. It can be changed without invalidating tokens, see docs/security.md, Keys. Empty: HS256 if JWT_SECRET is set, otherwise ES256."`
	IssuerURL         string   `envconfig:"ISSUER_URL" desc:"Public base URL of the auth-service, such as https://auth.example: the iss claim of access tokens, and the base of the URLs in /.well-known/oauth-authorization-server. Other services learn it from the auth-service. In production it must be https unless the host is loopback. Empty: http://127.0.0.1 with the port."`
	TokenLifetime     Lifetime `envconfig:"JWT_EXPIRES_IN" default:"15m" desc:"Lifetime of an access token, for example 15m, 24h or 1d."`
	RefreshLifetime   Lifetime `envconfig:"REFRESH_EXPIRES_IN" default:"30d" desc:"Lifetime of a session, from login; refreshing tokens does not extend it."`
	KeyRotation       Lifetime `envconfig:"JWT_KEY_ROTATION" default:"90d" desc:"Age at which the signing key is replaced. 0: only on request of an admin."`
	RateLimit         int      `envconfig:"AUTH_RATE_LIMIT" default:"300" min:"0" desc:"Requests per minute that a client network may send to each of login, refresh and logout, and a tenth of that to register. A device on which the account was logged in to before has a tenth for itself. 0: no limit."`
	LoginFailures     int      `envconfig:"LOGIN_FAILURES" default:"10" min:"0" desc:"Number of wrong passwords, per client network, per account and per known device, after which further attempts must wait; see docs/security.md, Logins. Also the number of wrong codes of a second factor per account. 0: no limit of passwords, and 10 codes."`
	PasswordKey       string   `envconfig:"PASSWORD_KEY" secret:"true" desc:"Key of at least 32 characters for password hashes; if empty, the service generates one and stores it in the database."`
	PasswordCost      int      `envconfig:"PASSWORD_COST" default:"12" desc:"Bcrypt cost of password hashes, 10 to 16; each step doubles the duration of a login."`
	RequireTOTP       string   `envconfig:"REQUIRE_TOTP" desc:"Accounts that must have a second factor, an authenticator app: admins; managers, which includes admins; or all. Their next login sets it up; sessions without it end with their access token. Empty: none, everybody may have one. API clients are not affected."`
	AdminEmail        string   `envconfig:"ADMIN_EMAIL" desc:"Email address of an admin; on start the service creates the account if it does not exist, or promotes it if no enabled account is an admin; requires ADMIN_PASSWORD."`
	AdminPassword     string   `envconfig:"ADMIN_PASSWORD" secret:"true" desc:"Password of that admin, 8 to 1024 characters; set when the account is created or promoted, and not changed later."`

	Revocations token.RevocationConfig

	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Values of REGISTRATION and EMAIL_VERIFICATION.
const (
	open         = "open"
	byInvitation = "invitation"

	auto     = "auto"
	required = "required"
	off      = "off"
)

// verifiesEmails reports whether email addresses must be confirmed.
func (c Config) verifiesEmails() bool {
	return c.EmailVerification == required || c.EmailVerification == auto && c.Mail.Host != "" && c.Mail.TLS != "none"
}

// warn logs a configuration that is possible but not safe.
func (c Config) warn(ctx context.Context, log *slog.Logger) {
	if c.Registration == open && !c.verifiesEmails() && boot.IsProduction() {
		log.WarnContext(ctx, "everybody can register the email address of another person, who then gets mail: set REGISTRATION=invitation, or SMTP_HOST and EMAIL_VERIFICATION=required")
	}
}

const (
	minPasswordKey           = 32
	minCost, maxCost         = 10, 16
	day                      = Lifetime(24 * time.Hour)
	minLifetime, maxLifetime = Lifetime(time.Minute), 30 * day
	maxRefresh               = 366 * day
	maxDays                  = 36500 // more would overflow a time.Duration, at 106,751 days
)

// Validate returns an error that names all variables with a wrong value.
func (c Config) Validate() error {
	errs := []error{token.CheckSecret(c.TokenSecret), c.checkTokens()}
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("  "+format, args...))
		}
	}
	check(c.Registration == open || c.Registration == byInvitation, "REGISTRATION: must be open or invitation, got %q", c.Registration)
	check(slices.Contains([]string{auto, required, off}, c.EmailVerification), "EMAIL_VERIFICATION: must be auto, required or off, got %q", c.EmailVerification)
	check(c.EmailVerification != required || c.Mail.Host != "", "SMTP_HOST: is missing; it is required if EMAIL_VERIFICATION is required")
	check(slices.Contains([]string{"", string(account.AdminsNeedTOTP), string(account.ManagersNeedTOTP), string(account.AllNeedTOTP)}, c.RequireTOTP), "REQUIRE_TOTP: must be admins, managers, all or empty, got %q", c.RequireTOTP)
	check(c.TokenLifetime >= minLifetime && c.TokenLifetime <= maxLifetime, "JWT_EXPIRES_IN: must be 1m to 30d, got %v", c.TokenLifetime)
	check(c.RefreshLifetime >= c.TokenLifetime && c.RefreshLifetime <= maxRefresh, "REFRESH_EXPIRES_IN: must be at least JWT_EXPIRES_IN (%v) and at most 366d, got %v", c.TokenLifetime, c.RefreshLifetime)
	check(c.KeyRotation == 0 || c.KeyRotation >= day, "JWT_KEY_ROTATION: must be 0 or at least 1d, got %v", c.KeyRotation)
	check(c.PasswordKey == "" || len(c.PasswordKey) >= minPasswordKey, "PASSWORD_KEY: must have at least %d characters, got %d", minPasswordKey, len(c.PasswordKey))
	check(c.PasswordCost >= minCost && c.PasswordCost <= maxCost, "PASSWORD_COST: must be %d to %d, got %d", minCost, maxCost, c.PasswordCost)
	check(c.AppURL == "" || isWebURL(c.AppURL), "APP_URL: must be an http or https URL without query and fragment, got %q", c.AppURL)
	check(!boot.IsProduction() || isConfidential(c.AppURL), "APP_URL: must be an https URL in production, because links in mails have tokens, unless the host is loopback, got %q", c.AppURL)
	check(!boot.IsProduction() || isConfidential(c.IssuerURL), "ISSUER_URL: must be an https URL in production, because clients send their secrets there, unless the host is loopback, got %q", c.IssuerURL)
	check(c.AppURL != "" || c.Mail.Host == "" || !boot.IsProduction(), "APP_URL: is missing; it is required in production if SMTP_HOST is set")
	if c.AdminEmail != "" || c.AdminPassword != "" {
		for _, d := range account.CheckCredentials(account.NormalEmail(c.AdminEmail), c.AdminPassword) {
			check(false, "ADMIN_%s: %s", strings.ToUpper(strings.TrimPrefix(d.Path, "/")), d.Message)
		}
	}
	return errors.Join(errs...)
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// isConfidential reports whether requests to a URL are encrypted or stay on the same machine,
// as they do with an empty URL.
func isConfidential(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" {
		return true // isWebURL and checkTokens refuse other schemes than https
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && address.IsLoopback()
}

// appURL returns the base of links in mails, without a slash at the end.
func (c Config) appURL() string {
	return strings.TrimRight(cmp.Or(c.AppURL, fmt.Sprintf("http://localhost:%d", c.Port)), "/")
}

// Lifetime is a duration that can also be written in days, such as 30d.
type Lifetime time.Duration

// String returns whole days in the form 30d, and other durations like time.Duration.
func (l Lifetime) String() string {
	if l != 0 && l%day == 0 {
		return fmt.Sprintf("%dd", l/day)
	}
	return time.Duration(l).String()
}

// Decode implements envconfig.Decoder.
func (l *Lifetime) Decode(value string) error {
	var err error
	if days, ok := strings.CutSuffix(value, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		if n < 0 || n > maxDays {
			err = errors.New("out of range")
		}
		*l = Lifetime(n) * day
	} else {
		var d time.Duration
		d, err = time.ParseDuration(value)
		*l = Lifetime(d)
	}
	if err != nil {
		return errors.New("must be a duration such as 15m, 24h or 30d")
	}
	return nil
}
