package authd_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestMain fails if a stopped service leaves goroutines. In a child process it runs the
// service, or one of its commands.
func TestMain(m *testing.M) {
	if os.Getenv(mainEnv) != "" {
		boot.Main(authd.Name, authd.Run, authd.Promote) // exits
	}
	if db := os.Getenv(childEnv); db != "" {
		fmt.Fprintln(os.Stderr, "child:", runChild(db))
		os.Exit(1) // it should have been killed
	}
	goleak.VerifyTestMain(m)
}

// cheap is a bcrypt cost below the minimum of the configuration.
const cheap = 4

// service is a running auth-service.
type service struct {
	resttest.Client
	stop func()
	log  *log
}

// log records the log of a service.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func start(t *testing.T, db connect.Config, change ...func(*authd.Config)) *service {
	t.Helper()
	recorder := &log{}
	c, stop := resttest.Start(t, func(ctx context.Context, http rest.Config) error {
		cfg := authd.Config{HTTP: http, Store: db, TokenLifetime: authd.Lifetime(15 * time.Minute), RefreshLifetime: authd.Lifetime(24 * time.Hour), PasswordCost: cheap}
		for _, f := range change {
			f(&cfg)
		}
		return authd.Run(ctx, cfg, slog.New(slog.NewTextHandler(io.MultiWriter(t.Output(), recorder), nil)))
	})
	return &service{c, stop, recorder}
}

// openStore opens the database of a service.
func openStore(t *testing.T, cfg connect.Config) store.DB {
	t.Helper()
	db, err := connect.Open(t.Context(), cfg, authd.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return db
}

type grant struct {
	Token        string
	RefreshToken string
	DeviceToken  string
	ExpiresIn    int
	User         struct{ ID, Email, Role, Organisation string }
}

func (s *service) register(email, role string) grant {
	s.T.Helper()
	body := map[string]string{"email": email, "password": "correct horse"}
	if role != "" {
		body["role"] = role
	}
	var out grant
	s.Call("POST /api/auth/register", "", body).Want(201, &out)
	return out
}

// organisation creates an organisation and returns its id.
func (s *service) organisation(admin grant, id string) string {
	s.T.Helper()
	s.Call("POST /api/auth/organisations", admin.Token, map[string]string{"id": id, "name": "Name of " + id}).Want(201, nil)
	return id
}

// eventuallyLogin logs in to an account that the service creates in the background.
func (s *service) eventuallyLogin(email, password string) (g grant) {
	s.T.Helper()
	var a resttest.Response
	waittest.Until(s.T, "login of "+email, func() bool { a = s.login(email, password); return a.Status == 200 })
	a.Want(200, &g)
	return g
}

func (s *service) login(email, password string) resttest.Response {
	s.T.Helper()
	return s.Call("POST /api/auth/login", "", map[string]string{"email": email, "password": password})
}

// TestOtherServicesVerifyTokens verifies tokens with the verifier of other services.
func TestOtherServicesVerifyTokens(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	for name, secret := range map[string]string{"ES256": "", "HS256": secret} {
		t.Run(name, func(t *testing.T) {
			s := start(t, connect.Config{Dir: t.TempDir()}, func(c *authd.Config) { c.TokenSecret = secret })
			admin := s.register("root@x.example", "admin")
			other, err := token.NewVerifier(t.Context(), token.Config{Secret: secret, URL: s.URL + "/"}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			p, err := other.Verify(t.Context(), "Bearer "+admin.Token)
			want := auth.Principal{UserID: admin.User.ID, Email: "root@x.example", Role: auth.Admin, Session: p.Session}
			if err != nil || !reflect.DeepEqual(p, want) {
				t.Errorf("Verify = %+v, %v, want %+v", p, err, want)
			}
			s.Call("GET /api/auth/admin", admin.Token, nil).Want(200, nil)
			var set struct{ Keys []map[string]any }
			s.Call("GET /.well-known/jwks.json", "", nil).Want(200, &set)
			if (len(set.Keys) == 1) != (secret == "") {
				t.Errorf("key set = %v", set.Keys)
			}
			for _, key := range set.Keys {
				if key["d"] != nil {
					t.Error("the key set contains the private key")
				}
			}
			// Tokens of another issuer, and HS256 tokens with a wrong secret, are refused.
			s.Call("GET /api/auth/profile", authtest.New(t).Token(t, want), nil).Want(401, nil)
			forged, err := token.Key{Secret: []byte(secret + "x")}.Sign(token.NewClaims(want, time.Now(), time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			s.Call("GET /api/auth/profile", forged, nil).Want(401, nil)
		})
	}
}
