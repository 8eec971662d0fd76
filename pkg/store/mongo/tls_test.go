package mongo_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/mongo"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/tlstest"
)

// TestTLS connects through a TLS proxy whose certificate is issued by a private
// authority. The options of the URI are the only settings.
func TestTLS(t *testing.T) {
	backend, err := url.Parse(server(t))
	if err != nil {
		t.Fatal(err)
	}
	authority := tlstest.NewAuthority(t)
	proxy := tlstest.Proxy(t, authority.ServerConfig(t), backend.Host)
	const trust = "the certificate of the database is not trusted: check tlsCAFile and the host name in MONGODB_URI"
	for name, c := range map[string]struct {
		options url.Values
		want    string
	}{
		"its authority":      {url.Values{"tls": {"true"}, "tlsCAFile": {authority.File}}, ""},
		"another authority":  {url.Values{"tls": {"true"}, "tlsCAFile": {tlstest.NewAuthority(t).File}}, trust},
		"system authorities": {url.Values{"tls": {"true"}}, trust},
		"plaintext":          {url.Values{}, "the database does not respond"},
	} {
		t.Run(name, func(t *testing.T) {
			uri := *backend
			uri.Host = proxy
			if uri.Path == "" {
				uri.Path = "/"
			}
			options := uri.Query()
			for option, value := range c.options {
				options[option] = value
			}
			options.Set("directConnection", "true") // otherwise a replica set returns its addresses without TLS
			uri.RawQuery = options.Encode()
			if c.want != "" { // the password must not be sent to an untrusted server
				uri.User = url.UserPassword("somebody", "wrong-password")
			}
			db, err := mongo.Open(uri.String(), newName())
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close(t.Context())
			cells := store.Open(db, storetest.CellSchema())
			_, inserted := cells.Insert(t.Context(), "1", storetest.Cell{})
			for operation, err := range map[string]error{"Ping": db.Ping(t.Context()), "Insert": inserted} {
				if c.want == "" {
					if err != nil {
						t.Errorf("%s = %v", operation, err)
					}
					continue
				}
				if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Unavailable || f.Message != c.want {
					t.Errorf("%s = %v, want unavailable, %s", operation, err, c.want)
				}
				if err != nil && strings.Contains(err.Error(), "wrong-password") {
					t.Errorf("the error of %s contains the password: %v", operation, err)
				}
			}
			if c.want == "" {
				if err := db.Drop(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
