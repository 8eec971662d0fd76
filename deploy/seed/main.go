// Seed creates sample data in a running suite through its API: accounts of every role,
// two organisations with an API client each, passports, most of them published, and
// documents. It does not change existing data.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/battery-passport/suite/deploy/api"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/boot"
)

// config holds the addresses of the suite and the login of an admin.
type config struct {
	Environment   boot.Environment
	BindAddress   string `envconfig:"BIND_ADDRESS" default:"127.0.0.1" desc:"Host address of the suite, as in docker-compose.yml."`
	AuthURL       string `envconfig:"AUTH_SERVICE_URL" default:"http://127.0.0.1:4000" desc:"URL of the auth-service."`
	PassportURL   string `envconfig:"PASSPORT_SERVICE_URL" default:"http://127.0.0.1:5000" desc:"URL of the passport-service."`
	DocumentURL   string `envconfig:"DOCUMENT_SERVICE_URL" default:"http://127.0.0.1:5100" desc:"URL of the document-service."`
	AdminEmail    string `envconfig:"ADMIN_EMAIL" default:"admin@nordlicht.example" desc:"Email address of an admin; if the login fails, the account is registered, which works for the first account only."`
	AdminPassword string `envconfig:"ADMIN_PASSWORD" default:"correct horse battery" desc:"Password of that admin."`
}

func main() {
	boot.ParseFlags(flag.CommandLine, os.Args[1:], "Seed adds sample people, passports and documents to the running suite. It does not change existing data.")
	boot.Tool(run)
}

func run(ctx context.Context) error {
	var cfg config
	if err := boot.Load(&cfg); err != nil {
		return err
	}
	if address, _ := netip.ParseAddr(strings.Trim(cfg.BindAddress, "[]")); cfg.Environment.Name == "production" || !address.IsLoopback() {
		return errors.New("seed creates accounts with a public password: it is not allowed with APP_ENV=production or a BIND_ADDRESS other than loopback")
	}
	return (&seeder{config: cfg}).run(ctx)
}

// seeder creates the data and counts the created and the existing resources.
type seeder struct {
	config
	created, found int
}

func (s *seeder) client(url, token string) client {
	return client{strings.TrimSuffix(url, "/"), token, &s.created, &s.found}
}

func (s *seeder) run(ctx context.Context) error {
	admin, err := s.login(ctx, person{email: s.AdminEmail, role: "admin"}, s.AdminPassword)
	if err != nil {
		return fmt.Errorf("admin %s: %w", s.AdminEmail, err)
	}
	for _, o := range organisations {
		err := s.client(s.AuthURL, admin.Token).call(ctx, http.MethodPost, "/api/auth/organisations", "", o, nil)
		if err != nil && !api.HasStatus(err, http.StatusConflict) {
			return fmt.Errorf("organisation %s: %w", o.ID, err)
		}
	}
	for _, p := range people {
		session, err := s.account(ctx, admin, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.email, err)
		}
		for _, sample := range p.passports {
			if err := s.passport(ctx, session, sample); err != nil {
				return fmt.Errorf("%s of %s: %w", sample.file, p.email, err)
			}
		}
		fmt.Printf("  %-28s %-20s %s%s\n", p.email, p.role, p.organisation, map[bool]string{true: " (manager)"}[p.manager])
	}
	for _, p := range programs {
		if err := s.program(ctx, admin, p); err != nil {
			return fmt.Errorf("API client %s of %s: %w", p.Name, p.Organisation, err)
		}
	}
	fmt.Printf("\nCreated %d, %d already existed. The password of every account is %q.\n", s.created, s.found, password)
	return nil
}

// program creates an API client and prints its secret. It does nothing if the organisation has
// a client.
func (s *seeder) program(ctx context.Context, admin session, p program) error {
	c := s.client(s.AuthURL, admin.Token)
	var list struct{ Items []struct{ ClientID string } }
	if err := c.call(ctx, http.MethodGet, "/api/auth/clients?organisation="+p.Organisation, "", nil, &list); err != nil {
		return err
	}
	secret := "secret shown when it was created"
	if len(list.Items) > 0 {
		s.found++
	} else {
		var created struct{ ClientID, ClientSecret string }
		if err := c.call(ctx, http.MethodPost, "/api/auth/clients", "", p, &created); err != nil {
			return err
		}
		list.Items, secret = append(list.Items, struct{ ClientID string }{created.ClientID}), created.ClientSecret
	}
	fmt.Printf("  %-28s %-20s %s: %s %s\n", p.Name, "API client", p.Organisation, list.Items[0].ClientID, secret)
	return nil
}

type session struct {
	Token string
	User  struct {
		ID, Role, Organisation string
		Manager                bool
	}
}

// login logs a person in and registers an account if the login fails.
func (s *seeder) login(ctx context.Context, p person, password string) (out session, err error) {
	body := map[string]string{"email": p.email, "password": password}
	err = s.client(s.AuthURL, "").call(ctx, http.MethodPost, "/api/auth/login", "", body, &out)
	if !api.HasStatus(err, http.StatusUnauthorized) {
		return out, err
	}
	if p.role == "admin" {
		body["role"] = p.role
	}
	return out, s.client(s.AuthURL, "").call(ctx, http.MethodPost, "/api/auth/register", "", body, &out)
}

// account returns a session of the person, after setting role and organisation.
func (s *seeder) account(ctx context.Context, admin session, p person) (session, error) {
	out, err := s.login(ctx, p, password)
	if err != nil || out.User.Role == p.role && out.User.Organisation == p.organisation && out.User.Manager == p.manager {
		return out, err
	}
	change := map[string]any{"role": p.role, "organisation": p.organisation, "manager": p.manager}
	if err := s.client(s.AuthURL, admin.Token).call(ctx, http.MethodPatch, "/api/auth/users/"+out.User.ID, "", change, nil); err != nil {
		return out, err
	}
	return s.login(ctx, p, password) // the new token has the role
}

// passport creates a passport from a sample, publishes it and uploads its documents. It
// does nothing if another passport with the battery identifier exists.
func (s *seeder) passport(ctx context.Context, operator session, sample sample) error {
	body, err := samples.FS.ReadFile(sample.file)
	if err != nil {
		return err
	}
	var p struct{ ID, State string }
	c := s.client(s.PassportURL, operator.Token)
	err = c.call(ctx, http.MethodPost, "/api/passports", sample.file, json.RawMessage(body), &p)
	if err != nil {
		if api.HasStatus(err, http.StatusConflict) {
			return nil
		}
		return err
	}
	if p.State == "draft" && !sample.draft {
		if err := c.call(ctx, http.MethodPost, "/api/passports/"+p.ID+"/publish", "", nil, nil); err != nil {
			return err
		}
	}
	for _, d := range sample.documents {
		file, err := files.ReadFile("files/" + d.file)
		if err != nil {
			return err
		}
		err = s.client(s.DocumentURL, operator.Token).upload(ctx, "/api/documents/upload", p.ID+d.file, api.File{Name: d.file, Type: d.fileType, Content: file}, map[string]string{
			"description": d.description, "passportId": p.ID, "kind": d.kind, "accessClass": d.accessClass,
		})
		if err != nil {
			return fmt.Errorf("%s: %w", d.file, err)
		}
	}
	return nil
}
