package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/boot"
)

// invalid has an invalid value for each setting.
var invalid = map[string]string{
	"APP_ENV": "prod", "LOG_LEVEL": "loud", "PORT": "65536", "HOST": "everywhere", "DRAIN_TIMEOUT": "10",
	"METRICS_ADDR": "9464",
	"MONGODB_URI":  "mongodb//mongo", "KAFKA_BROKERS": "kafka:99999", "KAFKA_PARTITIONS": "0", "KAFKA_REPLICATION_FACTOR": "-1",
	"KAFKA_TLS": "maybe", "KAFKA_CA_FILE": "gone.pem", "KAFKA_CERT_FILE": "gone.pem", "KAFKA_KEY_FILE": "gone.pem",
	"KAFKA_SASL_MECHANISM": "gssapi", "KAFKA_USERNAME": "alone",
	"JWT_SECRET": "too short", "REVOCATION_MAX_AGE": "4s", "REVOCATION_SECRET": "too short", "JWT_ALGORITHM": "RS256", "ISSUER_URL": "auth.example", "APP_URL": "app.example", "REGISTRATION": "closed", "EMAIL_VERIFICATION": "maybe", "REQUIRE_TOTP": "root", "JWT_EXPIRES_IN": "soon", "REFRESH_EXPIRES_IN": "soon", "JWT_KEY_ROTATION": "1h", "LOGIN_FAILURES": "-1", "AUTH_RATE_LIMIT": "-1", "RATE_LIMIT": "-1", "MAX_REQUESTS": "0", "MAX_UPLOADS": "0", "ALLOWED_TYPES": "text/html",
	"TLS_CERT_FILE": "/nothing", "TLS_KEY_FILE": "/nothing", "TRUSTED_PROXIES": "proxy.example", "CORS_ORIGINS": "*", "OPENAPI_URLS": "auth", "ALLOWED_HOSTS": "https://api.example", "IDENTIFIER_NAMESPACES": "closed", "PASSWORD_KEY": "too short", "PASSWORD_COST": "9",
	"ADMIN_EMAIL": "root", "ADMIN_PASSWORD": "short", "AUTH_SERVICE_URL": "auth-service:4000", "PUBLIC_RATE_LIMIT": "-1", "MAX_PASSPORTS_PER_ORGANISATION": "-1", "MAX_PASSPORT_VERSIONS_PER_ORGANISATION": "-1", "MAX_PASSPORT_BYTES_PER_ORGANISATION": "-1",
	"MAX_PASSPORTS_PER_USER": "-1", "MAX_PASSPORT_VERSIONS_PER_USER": "-1", "MAX_PASSPORT_BYTES_PER_USER": "-1", "MAX_IMPORT_BYTES": "0", "MAX_IMPORT_ROWS": "-1", "PASSPORT_CACHE_BYTES": "-1", "PUBLIC_BASE_URL": "id.example", "RESOLVER_DIRECT": "perhaps", "EN18223_LAST_UPDATE": "updatedAt", "DOCUMENT_SERVICE_URL": "document-service:5100", "DOCUMENT_PUBLIC_URL": "documents.example",
	"MAX_UPLOAD_BYTES": "10MB", "MAX_STORAGE_PER_ORGANISATION": "-1", "MAX_STORAGE_OF_ALL_USERS": "-1", "MAX_FILES_OF_ALL_USERS": "-1", "MAX_FILES_PER_ORGANISATION": "-1", "MAX_STORAGE_PER_USER": "-1", "MAX_FILES_PER_USER": "-1", "SWEEP_AFTER": "-1h", "AWS_ACCESS_KEY_ID": "alone", "S3_ENDPOINT": "minio:9000", "S3_CA_FILE": "gone.pem",
	"S3_FORCE_PATH_STYLE": "yes", "S3_PUBLIC_ENDPOINT": "ftp://files.example", "S3_BUCKET_NAME": "Not_A_Bucket",
	"ENABLE_EMAIL_NOTIFICATIONS": "on", "SMTP_PORT": "0", "SMTP_TLS": "ssl", "SMTP_USER": "alone",
	"FROM_EMAIL": "nobody", "FROM_NAME": "a\x01b", "MAIL_PER_HOUR": "0", "SMTP_CONNECTIONS": "0", "DATE_STYLE": "german", "NOTIFICATION_PUBLIC_URL": "nowhere",
	"OIDC_ISSUER": "http://login.example", "OIDC_SCOPES": "email", "OIDC_REDIRECT_URL": "app.example", "OIDC_CREATE_ACCOUNTS": "perhaps", "OIDC_ORGANISATION": "Nordlicht", "OIDC_ROLES": "editors=editor",
	"AWS_REGION": "", "KAFKA_GROUP": "", "DOCUMENT_KAFKA_GROUP": "",
}

// unrestricted are the settings that accept any value.
var unrestricted = []string{"DATA_DIR", "MONGODB_URI_FILE", "KAFKA_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "SMTP_HOST", "SMTP_PASS", "NOTIFICATION_LOG_PATH", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_ORGANISATION_CLAIM", "OIDC_ROLE_CLAIM", "OIDC_EMAIL_VERIFIED_CLAIM"}

// invalidMessages are the errors for some values of invalid.
var invalidMessages = []string{
	`LOG_LEVEL: must be debug, info, warn or error, got "loud"`,
	`METRICS_ADDR: must be host:port with a port from 0 to 65535, got "9464"`,
	`JWT_EXPIRES_IN: must be a duration such as 15m, 24h or 30d, got "soon"`,
	`TRUSTED_PROXIES: each entry must be an IP address or a CIDR, got "proxy.example"`,
	`CORS_ORIGINS: each entry must be an origin such as https://app.example, without *, got "*"`,
}

// unset unsets all settings of the services during a test.
func unset(t *testing.T) {
	t.Helper()
	for _, cfg := range configs() {
		for _, f := range boot.Variables(cfg) {
			t.Setenv(f.Tag.Get("envconfig"), "") // restores the value after the test
			os.Unsetenv(f.Tag.Get("envconfig"))
		}
	}
	t.Setenv("NODE_ENV", "")
}

func TestInvalidSettingIsNamed(t *testing.T) {
	unset(t)
	for service, cfg := range configs() {
		for _, f := range boot.Variables(cfg) {
			name := f.Tag.Get("envconfig")
			value, ok := invalid[name]
			if ok == slices.Contains(unrestricted, name) {
				t.Errorf("%s: %s must be in either invalid or unrestricted", service, name)
			}
			if !ok {
				continue
			}
			t.Run(service+" "+name, func(t *testing.T) {
				t.Setenv(name, value)
				if err := boot.Load(configs()[service]); err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("%s=%q: Load = %v", name, value, err)
				}
			})
		}
	}
}

func TestAllInvalidSettingsAreNamedAtOnce(t *testing.T) {
	unset(t)
	for name, value := range invalid {
		t.Setenv(name, value)
	}
	named := map[string]bool{}
	var errs string
	for service, cfg := range configs() {
		err := fmt.Sprint(boot.Load(cfg))
		errs += err
		for _, f := range boot.Variables(cfg) {
			name := f.Tag.Get("envconfig")
			if n := strings.Count(err, "  "+name+":"); n > 1 {
				t.Errorf("%s names %[3]s %[2]d times, want once:\n%[4]s", service, n, name, err)
			}
			named[name] = named[name] || strings.Contains(err, name)
		}
	}
	for name := range invalid {
		if !named[name] {
			t.Errorf("%s=%q is not named", name, invalid[name])
		}
	}
	for _, message := range invalidMessages {
		if !strings.Contains(errs, message) {
			t.Errorf("error %q is missing in\n%s", message, errs)
		}
	}
}
