package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

type object = map[string]any

const password = "correct horse battery"

// suite is one that runs, with the accounts that use it.
type suite struct {
	*client
	place
	admin *account
	teams []*account // one operator for each organisation
}

// setUp makes organisations and accounts, and waits until events reach the
// administrator: notifications go to those known when an event is consumed.
func setUp(ctx context.Context, at place, teams int, patience time.Duration) (*suite, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 10 * teams
	c := &client{auth: at.Auth, http: &http.Client{Timeout: requestTimeout, Transport: transport}, counts: map[string]int{}}
	s := &suite{client: c, place: at, admin: &account{email: at.AdminEmail}}
	if err := s.waitReady(ctx, patience); err != nil {
		return nil, err
	}
	var in session
	register := request{method: http.MethodPost, url: s.Auth + "/api/auth/register", body: object{"email": at.AdminEmail, "password": at.AdminPassword, "role": "admin"}}
	if s.admin.password = at.AdminPassword; s.login(ctx, s.admin).read(&in) != nil {
		if a := s.send(ctx, register); a.status != http.StatusCreated || s.login(ctx, s.admin).read(&in) != nil {
			return nil, fmt.Errorf("%s can neither log in nor register as the first administrator: answered %v; set ADMIN_EMAIL and ADMIN_PASSWORD", at.AdminEmail, a)
		}
	}
	if s.admin.id = in.User.ID; in.User.Role != "admin" {
		return nil, fmt.Errorf("%s must be an administrator, but has the role %s", at.AdminEmail, in.User.Role)
	}
	if err := s.waitNotified(ctx, patience); err != nil {
		return nil, err
	}
	for range teams {
		who, err := s.operator(ctx)
		if err != nil {
			return nil, err
		}
		s.teams = append(s.teams, who)
	}
	return s, nil
}

// operator makes an account that may write for an organisation of its own.
func (s *suite) operator(ctx context.Context) (*account, error) {
	who, err := s.register(ctx)
	if err != nil {
		return nil, err
	}
	who.organisation = newSlug()
	if a := s.send(ctx, s.createOrganisation(who.organisation)); !organisationMade(a) {
		return nil, fmt.Errorf("create organisation: answered %v", a)
	}
	who.token.Store("") // a token carries the role and organisation of its time
	return who, s.send(ctx, s.assign(who, object{"role": "operator", "organisation": who.organisation})).read(new(any))
}

func newSlug() string { return "chaos-" + strings.ReplaceAll(uuid.NewString(), "-", "")[:24] }

func (s *suite) createOrganisation(id string) request {
	return request{who: s.admin, method: http.MethodPost, url: s.Auth + "/api/auth/organisations", body: object{"id": id, "name": "Chaos " + id}}
}

// organisationMade reports whether an organisation exists; an earlier request in
// doubt may have created it.
func organisationMade(a answer) bool {
	return a.status == http.StatusCreated || a.status == http.StatusConflict
}

func (s *suite) assign(who *account, change object) request {
	return request{who: s.admin, method: http.MethodPatch, url: s.Auth + "/api/auth/users/" + who.id, body: change}
}

func newAccount() *account {
	return &account{email: "chaos-" + uuid.NewString() + "@people.example", password: password}
}

func (s *suite) registration(who *account) request {
	return request{method: http.MethodPost, url: s.Auth + "/api/auth/register", body: object{"email": who.email, "password": who.password}}
}

func (s *suite) register(ctx context.Context) (*account, error) {
	who := newAccount()
	var in session
	err := s.send(ctx, s.registration(who)).read(&in)
	who.id = in.User.ID
	who.token.Store(in.Token)
	return who, err
}

// waitNotified registers accounts until the administrator is notified of one.
func (s *suite) waitNotified(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for ctx.Err() == nil {
		who, err := s.register(ctx)
		if err != nil {
			return err
		}
		for range 20 {
			var newest struct {
				Items []struct{ Metadata json.RawMessage }
			}
			err := s.get(ctx, s.admin, s.Notification+"/api/notifications?eventType=user.registered&limit=50", &newest)
			for _, n := range newest.Items {
				if err == nil && strings.Contains(string(n.Metadata), who.id) {
					return nil
				}
			}
			wait(ctx, 100*time.Millisecond)
		}
	}
	return errors.New("the administrator is not notified of new accounts; does the notification-service consume events?")
}

// waitReady waits until every service has all that it depends on.
func (s *suite) waitReady(ctx context.Context, patience time.Duration) error {
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
				return fmt.Errorf("%s/readyz is not ready after %v: %v", at, patience, a)
			}
		}
	}
	return nil
}
