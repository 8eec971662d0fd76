// Seed fills a suite that runs with people of every role in two organisations,
// the sample passports, most of them published, and some documents, through the
// public API. What is there already stays as it is.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/boot"
)

// config says where the suite is, and who its admin.
type config struct {
	Environment   boot.Environment
	AuthURL       string `envconfig:"AUTH_SERVICE_URL" default:"http://127.0.0.1:4000" desc:"where the auth-service answers"`
	PassportURL   string `envconfig:"PASSPORT_SERVICE_URL" default:"http://127.0.0.1:5000" desc:"where the passport-service answers"`
	DocumentURL   string `envconfig:"DOCUMENT_SERVICE_URL" default:"http://127.0.0.1:5100" desc:"where the document-service answers"`
	AdminEmail    string `envconfig:"ADMIN_EMAIL" default:"admin@nordlicht.example" desc:"address of an admin; the first account where there is none"`
	AdminPassword string `envconfig:"ADMIN_PASSWORD" default:"correct horse battery" desc:"password of that admin"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var cfg config
	err := boot.Load(&cfg)
	if err == nil && cfg.Environment.Name == "production" {
		err = errors.New("the seed makes people whose password everybody knows: not with APP_ENV=production")
	}
	if err == nil {
		err = (&seeder{config: cfg}).run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// seeder counts what it makes and what it finds.
type seeder struct {
	config
	made, found int
}

func (s *seeder) run(ctx context.Context) error {
	admin, err := s.login(ctx, person{email: s.AdminEmail, role: "admin"}, s.AdminPassword)
	if err != nil {
		return fmt.Errorf("admin %s: %w", s.AdminEmail, err)
	}
	for _, o := range organisations {
		if err := s.organisation(ctx, admin, o); err != nil {
			return fmt.Errorf("organisation %s: %w", o.ID, err)
		}
	}
	for _, p := range people {
		session, err := s.person(ctx, admin, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.email, err)
		}
		for _, sample := range p.passports {
			if err := s.passport(ctx, session, sample); err != nil {
				return fmt.Errorf("%s of %s: %w", sample.file, p.email, err)
			}
		}
		fmt.Printf("  %-28s %-20s %s\n", p.email, p.role, p.organisation)
	}
	fmt.Printf("\nMade %d, found %d. Everybody's password is %q.\n", s.made, s.found, password)
	return nil
}

type session struct {
	Token string `json:"token"`
	User  struct {
		ID           string `json:"id"`
		Role         string `json:"role"`
		Organisation string `json:"organisation"`
	} `json:"user"`
}

// login logs a person in, and registers whoever cannot.
func (s *seeder) login(ctx context.Context, p person, password string) (session, error) {
	body := map[string]string{"email": p.email, "password": password}
	var out session
	err := client{url: s.AuthURL}.call(ctx, http.MethodPost, "/api/auth/login", body, &out)
	if !refused(err, http.StatusUnauthorized) {
		s.found++
		return out, err
	}
	if p.role == "admin" {
		body["role"] = p.role
	}
	s.made++
	return out, client{url: s.AuthURL}.call(ctx, http.MethodPost, "/api/auth/register", body, &out)
}

// organisation creates an organisation, unless it exists.
func (s *seeder) organisation(ctx context.Context, admin session, o organisation) error {
	err := client{s.AuthURL, admin.Token}.call(ctx, http.MethodPost, "/api/auth/organisations", o, nil)
	if refused(err, http.StatusConflict) {
		s.found++
		return nil
	}
	s.made++
	return err
}

// person makes an account with its role and organisation.
func (s *seeder) person(ctx context.Context, admin session, p person) (session, error) {
	is, err := s.login(ctx, p, password)
	if err != nil || is.User.Role == p.role && is.User.Organisation == p.organisation {
		return is, err
	}
	change := map[string]string{"role": p.role, "organisation": p.organisation}
	if err := (client{s.AuthURL, admin.Token}).call(ctx, http.MethodPatch, "/api/auth/users/"+is.User.ID, change, nil); err != nil {
		return is, err
	}
	s.found-- // it is the same account again, with a token that tells the role
	return s.login(ctx, p, password)
}

// passport stores a sample for its operator, and the documents of it.
func (s *seeder) passport(ctx context.Context, operator session, sample sample) error {
	data, err := samples.FS.ReadFile(sample.file)
	if err != nil {
		return err
	}
	c := client{s.PassportURL, operator.Token}
	p, err := s.find(ctx, c, data)
	if err != nil {
		return err
	}
	if p.ID == "" {
		err := c.call(ctx, http.MethodPost, "/api/passports", rawJSON(data), &p)
		if refused(err, http.StatusConflict) { // somebody else has a passport of this battery
			s.found++
			return nil
		}
		if err != nil {
			return err
		}
		s.made++
	}
	if p.State == "draft" && !sample.draft {
		if err := c.call(ctx, http.MethodPost, "/api/passports/"+p.ID+"/publish", nil, nil); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	for _, d := range sample.documents {
		if err := s.document(ctx, operator, p.ID, d); err != nil {
			return fmt.Errorf("%s: %w", d.file, err)
		}
	}
	return nil
}

type stored struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

// find returns the passport of the battery, if the caller sees one.
func (s *seeder) find(ctx context.Context, c client, data []byte) (stored, error) {
	identifier, err := batteryIdentifier(data)
	if err != nil {
		return stored{}, err
	}
	var page struct {
		Items []stored `json:"items"`
	}
	err = c.call(ctx, http.MethodGet, "/api/passports?"+url.Values{"batteryIdentifier": {identifier}}.Encode(), nil, &page)
	if err != nil || len(page.Items) == 0 {
		return stored{}, err
	}
	s.found++
	return page.Items[0], nil
}

// document uploads a file, unless one of its name belongs to the passport.
func (s *seeder) document(ctx context.Context, owner session, passportID string, d document) error {
	c := client{s.DocumentURL, owner.Token}
	query := url.Values{"passportId": {passportID}, "kind": {d.kind}}
	var page struct {
		Items []struct {
			FileName string `json:"fileName"`
		} `json:"items"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/documents/user?"+query.Encode(), nil, &page); err != nil {
		return err
	}
	for _, item := range page.Items {
		if item.FileName == d.file {
			s.found++
			return nil
		}
	}
	data, err := files.ReadFile("files/" + d.file)
	if err != nil {
		return err
	}
	s.made++
	return c.upload(ctx, "/api/documents/upload", d.fileType, d.file, data, map[string]string{
		"description": d.description, "passportId": passportID, "kind": d.kind, "accessClass": d.accessClass, "isPublic": d.isPublic,
	})
}

func refused(err error, status int) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && r.Status == status
}
