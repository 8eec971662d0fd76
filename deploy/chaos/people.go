package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// account is somebody who sends requests. It is safe for concurrent use.
type account struct {
	id, email, password, organisation string

	mu    sync.Mutex
	token string
}

func (a *account) held() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.token
}

func (a *account) hold(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token = token
}

type session struct {
	Token string `json:"token"`
	User  struct {
		ID           string `json:"id"`
		Email        string `json:"email"`
		Organisation string `json:"organisation"`
	} `json:"user"`
}

const password = "correct horse battery"

// suite is one that runs, with those who write to it.
type suite struct {
	*caller
	place
	run   string // in all names that this run makes up
	admin *account
	teams []*account // one for each organisation
}

// settleIn makes the accounts, and waits until word of others reaches the
// admin: notifications go to the admins that are known when an event is read.
func settleIn(ctx context.Context, at place, workers int, patience time.Duration) (*suite, error) {
	s := &suite{caller: newCaller(at.Auth, workers), place: at, run: uuid.NewString()[:8]}
	if err := s.ready(ctx, patience); err != nil {
		return nil, err
	}
	s.admin = &account{email: at.AdminEmail, password: at.AdminPassword}
	body := map[string]string{"email": at.AdminEmail, "password": at.AdminPassword, "role": "admin"}
	if a := s.login(ctx, s.admin); a.status == http.StatusUnauthorized {
		if a := s.post(ctx, nil, s.Auth+"/api/auth/register", body); a.status != http.StatusCreated {
			return nil, fmt.Errorf("%s cannot log in, nor register as the first admin, answered %v; set ADMIN_EMAIL and ADMIN_PASSWORD", at.AdminEmail, a)
		}
	}
	var me struct{ ID, Role string }
	if err := s.get(ctx, s.admin, s.Auth+"/api/auth/profile", &me); err != nil {
		return nil, fmt.Errorf("admin %s: %w", at.AdminEmail, err)
	}
	if s.admin.id = me.ID; me.Role != "admin" {
		return nil, fmt.Errorf("%s is no admin but %s; set ADMIN_EMAIL and ADMIN_PASSWORD", at.AdminEmail, me.Role)
	}
	if err := s.known(ctx, patience); err != nil {
		return nil, err
	}
	for i := range workers {
		who, err := s.operator(ctx, fmt.Sprintf("chaos-%s-%d", s.run, i+1))
		if err != nil {
			return nil, err
		}
		s.teams = append(s.teams, who)
	}
	return s, nil
}

// operator makes an account that may write for an organisation.
func (s *suite) operator(ctx context.Context, organisation string) (*account, error) {
	who, err := s.register(ctx)
	if err != nil {
		return nil, err
	}
	who.organisation = organisation
	if err := s.post(ctx, s.admin, s.Auth+"/api/auth/organisations", newOrganisation(organisation)).read(new(any)); err != nil {
		return nil, err
	}
	change, _ := json.Marshal(map[string]string{"role": "operator", "organisation": organisation}) // of strings alone
	err = s.send(ctx, request{who: s.admin, method: http.MethodPatch, url: s.Auth + "/api/auth/users/" + who.id, body: change}).read(new(any))
	who.hold("") // a token tells what its account was when it was given
	return who, err
}

// newOrganisation is the body that creates an organisation.
func newOrganisation(id string) map[string]string { return map[string]string{"id": id, "name": id} }

func (s *suite) register(ctx context.Context) (*account, error) {
	who := &account{email: "chaos-" + uuid.NewString() + "@people.example", password: password}
	var in session
	err := s.post(ctx, nil, s.Auth+"/api/auth/register", map[string]string{"email": who.email, "password": password}).read(&in)
	who.id, who.token = in.User.ID, in.Token
	return who, err
}

// known waits until the admin is told of others. Somebody who registers may be
// read of before an admin who did earlier: so there is one after another.
func (s *suite) known(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for ctx.Err() == nil {
		somebody, err := s.register(ctx)
		if err != nil {
			return err
		}
		told := false
		for range 20 {
			err := page(ctx, s.caller, somebody, s.Notification+"/api/notifications", func(n notification) bool { told = true; return false })
			if err == nil && told {
				break
			}
			wait(ctx, 100*time.Millisecond)
		}
		found := false
		err = page(ctx, s.caller, s.admin, s.Notification+"/api/notifications?eventType=user.registered&limit=50", func(n notification) bool {
			found = found || strings.Contains(string(n.Metadata), somebody.id)
			return !found
		})
		if err == nil && found {
			return nil
		}
	}
	return errors.New("the admin is not told of new accounts; does the notification-service get events?")
}

// ready waits until every service has all it depends on.
func (s *suite) ready(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, at := range []string{s.Auth, s.Passport, s.Document, s.Notification} {
		for {
			var is struct{ Status string }
			a := s.once(ctx, request{method: http.MethodGet, url: at + "/readyz"}, "")
			if a.read(&is) == nil && is.Status == "ready" {
				break
			}
			if !wait(ctx, 100*time.Millisecond) {
				return fmt.Errorf("%s/readyz says %v after %v", at, a, patience)
			}
		}
	}
	return nil
}

func (s *suite) get(ctx context.Context, who *account, url string, out any) error {
	if err := s.send(ctx, request{who: who, method: http.MethodGet, url: url}).read(out); err != nil {
		return fmt.Errorf("GET %s: %w", url, err)
	}
	return nil
}

func (s *suite) post(ctx context.Context, who *account, url string, body any) answer {
	data, err := json.Marshal(body)
	if err != nil {
		return answer{err: err}
	}
	return s.send(ctx, request{who: who, method: http.MethodPost, url: url, body: data})
}

// withCursor adds the cursor of a list to its URL, and asks for long pages.
func withCursor(list, cursor string) string {
	u, err := url.Parse(list)
	if err != nil {
		return list // the request will say so
	}
	q := u.Query()
	if !q.Has("limit") {
		q.Set("limit", "200")
	}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
