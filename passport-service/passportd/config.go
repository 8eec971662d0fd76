package passportd

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/usage"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// Config contains the settings of the passport-service, read from the environment.
type Config struct {
	Port    rest.Port `envconfig:"PORT" default:"5000" desc:"Port of the HTTP server."`
	HTTP    rest.Config
	Metrics metrics.Config
	Store   connect.Config
	Kafka   kafka.Config
	Auth    token.Config
	Now     func() time.Time // clock for tests; nil: time.Now

	BaseURL           string `envconfig:"PUBLIC_BASE_URL" desc:"Base URL in the codes on batteries, such as https://id.example. Empty: the address of this service on this machine."`
	Direct            bool   `envconfig:"RESOLVER_DIRECT" default:"true" desc:"Browsers get the page of a passport at the address in the code, without a redirect. false: everybody is redirected, as GS1 resolvers do."`
	DocumentURL       string `envconfig:"DOCUMENT_SERVICE_URL" default:"http://127.0.0.1:5100" desc:"Base URL of the document-service, from which pages of passports get the list of public documents. Empty: pages have no list."`
	DocumentPublicURL string `envconfig:"DOCUMENT_PUBLIC_URL" desc:"Base URL of the document-service for the readers of pages, in links to documents. Empty: DOCUMENT_SERVICE_URL."`

	CacheBytes int `envconfig:"PASSPORT_CACHE_BYTES" default:"8388608" min:"0" desc:"Memory for the pages, JSON and linksets of passports that were read last, in bytes. 0: none are stored."`
	PublicRate int `envconfig:"PUBLIC_RATE_LIMIT" default:"600" min:"0" desc:"Requests per minute that a client network may send to /api/public. 0: unlimited."`

	MaxImportBytes int64 `envconfig:"MAX_IMPORT_BYTES" default:"1073741824" min:"1" desc:"Largest size of an import file in bytes, unpacked."`
	MaxImportRows  int   `envconfig:"MAX_IMPORT_ROWS" default:"1000000" min:"1" desc:"Maximum number of rows of an import."`

	LastUpdate string `envconfig:"EN18223_LAST_UPDATE" default:"lastUpdate" desc:"Spelling of headers in exports as EN 18223. lastUpdate: lastUpdate, Item and Active, as in IDTA-01001 3.2. lastUpdated: lastUpdated, item and active, as in openEPCIS. Imports accept both."`

	OrgPassports  int64 `envconfig:"MAX_PASSPORTS_PER_ORGANISATION" default:"5000000" min:"0" desc:"Maximum number of passports of an organisation; creating more fails with 507. 0: unlimited."`
	OrgVersions   int64 `envconfig:"MAX_PASSPORT_VERSIONS_PER_ORGANISATION" default:"50000000" min:"0" desc:"Maximum number of versions of all passports of an organisation; further changes of data fail with 507. 0: unlimited."`
	OrgBytes      int64 `envconfig:"MAX_PASSPORT_BYTES_PER_ORGANISATION" default:"549755813888" min:"0" desc:"Largest total size of the data of all versions of an organisation in bytes; further changes of data fail with 507. 0: unlimited."`
	UserPassports int64 `envconfig:"MAX_PASSPORTS_PER_USER" default:"100000" min:"0" desc:"Maximum number of passports of an account that belongs to no organisation, such as an admin; creating more fails with 507. 0: unlimited."`
	UserVersions  int64 `envconfig:"MAX_PASSPORT_VERSIONS_PER_USER" default:"1000000" min:"0" desc:"Maximum number of versions of all passports of an account that belongs to no organisation; further changes of data fail with 507. 0: unlimited."`
	UserBytes     int64 `envconfig:"MAX_PASSPORT_BYTES_PER_USER" default:"10737418240" min:"0" desc:"Largest total size of the data of all versions of an account that belongs to no organisation, in bytes; further changes of data fail with 507. 0: unlimited."`

	ImportLease     time.Duration `ignored:"true"` // for tests; 0: exchange.LeaseTime
	ImportOutage    time.Duration `ignored:"true"` // for tests; 0: exchange.Outage
	DocumentTimeout time.Duration `ignored:"true"` // for tests; 0: documents.Timeout

	IdentifierNamespaces string `envconfig:"IDENTIFIER_NAMESPACES" default:"open" desc:"Whether identifiers of batteries and passports must be in a confirmed namespace of the organisation. open: no, but those in a namespace of another organisation cause a warning. enforced: yes, others are refused."`
}

// Validate returns an error that names every invalid setting.
func (c Config) Validate() error {
	var errs []error
	if c.IdentifierNamespaces != "" && c.IdentifierNamespaces != open && c.IdentifierNamespaces != enforced {
		errs = append(errs, fmt.Errorf("  IDENTIFIER_NAMESPACES: must be open or enforced, got %q", c.IdentifierNamespaces))
	}
	if c.LastUpdate != "" && c.LastUpdate != lastUpdate && c.LastUpdate != lastUpdated {
		errs = append(errs, fmt.Errorf("  EN18223_LAST_UPDATE: must be lastUpdate or lastUpdated, got %q", c.LastUpdate))
	}
	for _, base := range []struct{ variable, value string }{{"PUBLIC_BASE_URL", c.BaseURL}, {"DOCUMENT_SERVICE_URL", c.DocumentURL}, {"DOCUMENT_PUBLIC_URL", c.DocumentPublicURL}} {
		if base.value != "" && !isBaseURL(base.value) {
			errs = append(errs, fmt.Errorf("  %s: must be an http or https URL without query and fragment, got %q", base.variable, base.value))
		}
	}
	return errors.Join(errs...)
}

func isBaseURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}

// quotas returns the quotas of the owners of passports.
func (c Config) quotas() usage.Quotas {
	return usage.Quotas{
		Organisation: usage.Amount{Passports: c.OrgPassports, Versions: c.OrgVersions, Bytes: c.OrgBytes},
		User:         usage.Amount{Passports: c.UserPassports, Versions: c.UserVersions, Bytes: c.UserBytes},
	}
}

// baseURL returns the base URL in codes, without a slash at the end.
func (c Config) baseURL() string {
	if c.BaseURL == "" {
		return fmt.Sprintf("http://127.0.0.1:%d", c.Port)
	}
	return strings.TrimSuffix(c.BaseURL, "/")
}

// identifierBase returns the beginning of the identifiers that the service generates.
// Identifiers are https URIs, even if the service has no TLS.
func (c Config) identifierBase() string {
	_, rest, _ := strings.Cut(c.baseURL(), "://")
	return "https://" + rest
}

// Values of IDENTIFIER_NAMESPACES.
const (
	open     = "open"
	enforced = "enforced"
)

// Values of EN18223_LAST_UPDATE.
const (
	lastUpdate  = "lastUpdate"
	lastUpdated = "lastUpdated"
)
