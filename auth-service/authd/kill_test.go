package authd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

const childEnv = "AUTHD_TEST_CHILD" // configuration of the store of a child process, as JSON

// runChild runs a service and prints its URL.
func runChild(db string) error {
	cfg := authd.Config{TokenLifetime: authd.Lifetime(time.Minute), RefreshLifetime: authd.Lifetime(time.Hour), PasswordCost: cheap}
	if err := json.Unmarshal([]byte(db), &cfg.Store); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cfg.HTTP = rest.Config{Listener: l}
	fmt.Println("http://" + l.Addr().String())
	return authd.Run(context.Background(), cfg, slog.New(slog.DiscardHandler))
}

// startChild runs a service in a child process until it is killed.
func startChild(t *testing.T, db connect.Config) (c resttest.Client, kill func()) {
	t.Helper()
	url, kill := resttest.StartChild(t, childEnv, db, nil)
	return resttest.Client{T: t, URL: url}, kill
}

// TestRefreshTokenSurvivesCrashDuringRefresh kills the service after it has stored that
// a refresh token was used: the client got no response and uses the same token again.
func TestRefreshTokenSurvivesCrashDuringRefresh(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	sessions := store.Open(openStore(t, cfg), session.Schema())
	rotatedAt := func() time.Time { // of the only session
		page, err := sessions.List(t.Context(), store.Query{Scopes: []string{store.All}, Limit: 1})
		if err != nil || len(page.Rows) != 1 {
			t.Fatal(page.Rows, err)
		}
		return page.Rows[0].Doc.RotatedAt
	}
	s := start(t, cfg)
	last := s.register("ann@x.example", "").RefreshToken
	s.stop()
	for range 15 {
		before := rotatedAt()
		c, kill := startChild(t, cfg)
		requestsFailed := make(chan struct{})
		go func() {
			defer close(requestsFailed)
			for { // until the keys are loaded
				body := strings.NewReader(`{"refreshToken":"` + last + `"}`)
				res, err := http.Post(c.URL+"/api/auth/refresh", "application/json", body)
				if err != nil {
					return
				}
				res.Body.Close()
			}
		}()
		waittest.Until(t, "the refresh token was rotated", func() bool { return !rotatedAt().Equal(before) })
		kill()
		<-requestsFailed
		s := start(t, cfg)
		last = s.refreshed(last).RefreshToken
		last = s.refreshed(last).RefreshToken
		s.stop()
	}
}
