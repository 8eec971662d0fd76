package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// maskedServer is a proxy that sends garbage until open is set.
type maskedServer struct {
	addr string
	open atomic.Bool
}

func newMaskedServer(t *testing.T, server string) *maskedServer {
	l := resttest.Listen(t)
	t.Cleanup(func() { l.Close() })
	m := &maskedServer{addr: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if m.open.Load() {
				go forward(c, server)
			} else {
				go sendGarbage(c)
			}
		}
	}()
	return m
}

// sendGarbage responds to each byte with a line of another protocol.
func sendGarbage(c net.Conn) {
	defer c.Close()
	for r := bufio.NewReader(c); ; {
		if _, err := r.ReadByte(); err != nil {
			return
		}
		io.WriteString(c, "220 another service\r\n")
	}
}

func forward(c net.Conn, server string) {
	defer c.Close()
	s, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer s.Close()
	go func() { io.Copy(s, c); s.Close() }()
	io.Copy(c, s)
}

// TestBackEndsSendingGarbage starts each service while another protocol responds at the
// address of a back end. The service reports the back end as failed, refuses requests
// that need it quickly, and recovers.
func TestBackEndsSendingGarbage(t *testing.T) {
	issuer := authtest.New(t)
	dir := connect.Config{Dir: t.TempDir()}
	host := func(address string) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		return u.Host
	}
	for name, c := range map[string]struct {
		server func(*testing.T) string
		run    func(context.Context, string, rest.Config, *slog.Logger) error
		check  string
		ready  int    // status of /readyz while the back end fails
		needs  string // a request that fails until then
		body   string
	}{
		"MongoDB": {func(t *testing.T) string { return host(storetest.MongoURI(t)) }, func(ctx context.Context, addr string, at rest.Config, log *slog.Logger) error {
			cfg := passportd.Config{HTTP: at, Store: connect.Config{URI: "mongodb://" + addr}}
			cfg.Auth.URL = issuer.URL
			return passportd.Run(ctx, cfg, log)
		}, "store", 503, "GET /api/passports", ""},
		"auth-service": {func(*testing.T) string { return host(issuer.URL) }, func(ctx context.Context, addr string, at rest.Config, log *slog.Logger) error {
			cfg := passportd.Config{HTTP: at, Store: dir}
			cfg.Auth.URL = "http://" + addr
			return passportd.Run(ctx, cfg, log)
		}, "keys", 503, "GET /api/passports", ""},
		"Kafka": {broker, func(ctx context.Context, addr string, at rest.Config, log *slog.Logger) error {
			cfg := authd.Config{HTTP: at, Store: dir, TokenLifetime: authd.Lifetime(time.Minute), PasswordCost: 4}
			cfg.Kafka.Brokers = []string{addr}
			return authd.Run(ctx, cfg, log)
		}, "kafka", 200, "", ""},
		"Kafka, for a consumer": {broker, func(ctx context.Context, addr string, at rest.Config, log *slog.Logger) error {
			cfg := notificationd.Config{HTTP: at, Store: dir, Group: "garbage"}
			cfg.Auth.URL = issuer.URL
			cfg.Kafka.Brokers = []string{addr}
			return notificationd.Run(ctx, cfg, log)
		}, "kafka", 200, "", ""},
		"S3": {bucket, func(ctx context.Context, addr string, at rest.Config, log *slog.Logger) error {
			cfg := documentd.Config{HTTP: at, Store: dir, MaxBytes: 1 << 20, SweepAfter: time.Hour}
			cfg.Auth.URL = issuer.URL
			cfg.S3.KeyID, cfg.S3.Secret, cfg.S3.Region, cfg.S3.Bucket, cfg.S3.PathStyle = stack.S3KeyID, stack.S3Secret, "us-east-1", "garbage", true
			cfg.S3.Endpoint = "http://" + addr
			return documentd.Run(ctx, cfg, log)
		}, "storage", 200, "POST /api/documents/upload", "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nabc\r\n--b--\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMaskedServer(t, c.server(t))
			client, _ := resttest.Start(t, func(ctx context.Context, at rest.Config) error {
				return c.run(ctx, m.addr, at, slog.New(slog.NewTextHandler(t.Output(), nil)))
			})
			s, missing := &suite{t: t}, `{"name":"`+c.check+`","ok":false,"vital":`+fmt.Sprint(c.ready == 503)
			waittest.Until(s.t, "all other vital checks succeed", func() bool {
				a := client.Do("GET /readyz", "")
				return a.Status == c.ready && strings.Contains(a.Text, missing) && strings.Count(a.Text, `"ok":false,"vital":true`) <= 1
			})
			if c.needs != "" {
				begin := time.Now()
				client.Do(c.needs, c.body, "Authorization", "Bearer "+issuer.Token(t, auth.Principal{UserID: "ann", Role: auth.Operator}),
					"Content-Type", "multipart/form-data; boundary=b").WantProblem(503)
				if took := time.Since(begin); took > 25*time.Second { // without own timeouts the drivers wait for 30 seconds
					t.Errorf("%s was refused after %v, want at most 25s", c.needs, took)
				}
			}
			m.open.Store(true)
			waittest.Until(s.t, "the check succeeds", func() bool {
				a := client.Do("GET /readyz", "")
				return a.Status == 200 && !strings.Contains(a.Text, missing)
			})
		})
	}
}

func broker(t *testing.T) string {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

func bucket(t *testing.T) string {
	addr, err := s3Address()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
