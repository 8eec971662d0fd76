package authd

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// Config is what the auth-service reads from the environment.
type Config struct {
	Port    rest.Port `envconfig:"PORT" default:"4000" desc:"port of the HTTP server"`
	HTTP    rest.Config
	Metrics metrics.Config
	Store   connect.Config
	Kafka   kafka.Config

	TokenSecret     string   `envconfig:"JWT_SECRET" secret:"true" desc:"Secret that signs access tokens with HS256, at least 32 characters, the same in all services. Empty: tokens are signed with EdDSA."`
	TokenLifetime   Lifetime `envconfig:"JWT_EXPIRES_IN" default:"15m" desc:"how long an access token counts, as 15m, 24h or 1d"`
	RefreshLifetime Lifetime `envconfig:"REFRESH_EXPIRES_IN" default:"30d" desc:"how long a login goes on by refresh tokens, from its password on"`
	KeyRotation     Lifetime `envconfig:"JWT_KEY_ROTATION" default:"90d" desc:"age at which the key that signs tokens gets a successor; 0: never, unless an admin asks for one"`
	RateLimit       int      `envconfig:"AUTH_RATE_LIMIT" default:"300" desc:"requests a minute that an address may send to each of login, refresh and logout, and a tenth of them to register; 0: any number"`
	LoginFailures   int      `envconfig:"LOGIN_FAILURES" default:"10" desc:"wrong passwords at once, by address and by account, before one has to wait; 0: any number"`
	PasswordKey     string   `envconfig:"PASSWORD_KEY" secret:"true" desc:"key of at least 32 characters that goes into password hashes; made once and kept in the database where it is empty"`
	PasswordCost    int      `envconfig:"PASSWORD_COST" default:"12" desc:"bcrypt cost of password hashes, 10 to 16; each step doubles the time of a login"`
	AdminEmail      string   `envconfig:"ADMIN_EMAIL" desc:"address of an admin that is made at the start when it has no account; needs ADMIN_PASSWORD"`
	AdminPassword   string   `envconfig:"ADMIN_PASSWORD" secret:"true" desc:"password of 8 to 1024 characters of that admin"`

	// Now is the clock, time.Now where it is nil.
	Now func() time.Time
}

const (
	minPasswordKey           = 32
	minCost, maxCost         = 10, 16
	day                      = Lifetime(24 * time.Hour)
	minLifetime, maxLifetime = Lifetime(time.Minute), 30 * day
	maxRefresh               = 366 * day
)

// Validate tells all that is wrong with c.
func (c Config) Validate() error {
	errs := []error{token.CheckSecret(c.TokenSecret)}
	if c.TokenLifetime < minLifetime || c.TokenLifetime > maxLifetime {
		errs = append(errs, errors.New("  JWT_EXPIRES_IN: has to be 1m to 30d"))
	}
	if c.RefreshLifetime < c.TokenLifetime || c.RefreshLifetime > maxRefresh {
		errs = append(errs, errors.New("  REFRESH_EXPIRES_IN: has to be JWT_EXPIRES_IN to 366d"))
	}
	if c.KeyRotation != 0 && c.KeyRotation < day {
		errs = append(errs, errors.New("  JWT_KEY_ROTATION: has to be 1d at least, or 0"))
	}
	if c.RateLimit < 0 {
		errs = append(errs, errors.New("  AUTH_RATE_LIMIT: is less than nothing"))
	}
	if c.LoginFailures < 0 {
		errs = append(errs, errors.New("  LOGIN_FAILURES: is less than nothing"))
	}
	if c.PasswordKey != "" && len(c.PasswordKey) < minPasswordKey {
		errs = append(errs, fmt.Errorf("  PASSWORD_KEY: has %d characters, and needs %d", len(c.PasswordKey), minPasswordKey))
	}
	if c.PasswordCost < minCost || c.PasswordCost > maxCost {
		errs = append(errs, fmt.Errorf("  PASSWORD_COST: has to be %d to %d", minCost, maxCost))
	}
	if c.AdminEmail != "" || c.AdminPassword != "" {
		for _, d := range account.CheckCredentials(account.NormalEmail(c.AdminEmail), c.AdminPassword) {
			errs = append(errs, fmt.Errorf("  ADMIN_%s: %s", strings.ToUpper(strings.TrimPrefix(d.Path, "/")), d.Message))
		}
	}
	return errors.Join(errs...)
}

// Lifetime is a duration that may also be given in days.
type Lifetime time.Duration

// Decode implements envconfig.Decoder.
func (l *Lifetime) Decode(value string) error {
	if days, ok := strings.CutSuffix(value, "d"); ok {
		n, err := strconv.Atoi(days)
		*l = Lifetime(n) * day
		return err
	}
	d, err := time.ParseDuration(value)
	*l = Lifetime(d)
	return err
}
