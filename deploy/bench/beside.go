package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/battery-passport/suite/passport-service/samples"
)

const (
	turns  = 300 // of each operation on each suite
	oneMiB = 1 << 20
)

// measureBeside holds the suite that runs, as docker compose brings it up,
// against one that is started here, in turns: one client, one request at a time.
func measureBeside(ctx context.Context, embedded *suite) error {
	other := &suite{
		auth:         cmp.Or(os.Getenv("AUTH_URL"), "http://127.0.0.1:4000"),
		passport:     cmp.Or(os.Getenv("PASSPORT_URL"), "http://127.0.0.1:5000"),
		document:     cmp.Or(os.Getenv("DOCUMENT_URL"), "http://127.0.0.1:5100"),
		notification: cmp.Or(os.Getenv("NOTIFICATION_URL"), "http://127.0.0.1:5200"),
	}
	if err := other.loginAs(ctx, cmp.Or(os.Getenv("ADMIN_EMAIL"), "admin@nordlicht.example"), cmp.Or(os.Getenv("ADMIN_PASSWORD"), "correct horse battery")); err != nil {
		return fmt.Errorf("the suite at %s: %w", other.auth, err)
	}
	ours, err := embedded.operations(ctx)
	if err != nil {
		return err
	}
	theirs, err := other.operations(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%-28s %10s %10s %7s   (medians of %d)\n", "", "embedded", "beside", "times", turns)
	for i := range ours {
		took := [2][]time.Duration{}
		for range turns {
			for j, do := range []func(context.Context) error{ours[i].do, theirs[i].do} {
				begin := time.Now()
				if err := do(ctx); err != nil {
					return fmt.Errorf("%s: %w", ours[i].name, err)
				}
				took[j] = append(took[j], time.Since(begin))
			}
		}
		slices.Sort(took[0])
		slices.Sort(took[1])
		a, b := took[0][turns/2], took[1][turns/2]
		fmt.Printf("%-28s %10v %10v %7.2f\n", ours[i].name, a.Round(1e4), b.Round(1e4), float64(b)/float64(a))
	}
	return nil
}

type operation struct {
	name string
	do   func(context.Context) error
}

// operations are what clients do most, each on something of its own.
func (s *suite) operations(ctx context.Context) ([]operation, error) {
	sample, err := samples.FS.ReadFile("readme-sample.json")
	if err != nil {
		return nil, err
	}
	var body struct {
		Data map[string]map[string]any `json:"data"`
	}
	if err := json.Unmarshal(sample, &body); err != nil {
		return nil, err
	}
	n, run := 0, time.Now().UnixNano()
	next := func() string {
		n++
		body.Data["generalInformation"]["batteryIdentifier"] = fmt.Sprintf("https://bench.example/%d/%d", run, n)
		data, err := json.Marshal(body)
		if err != nil {
			panic(err) // it came from JSON
		}
		return string(data)
	}
	id, err := s.create(ctx, next())
	if err != nil {
		return nil, err
	}
	files := documents{url: s.document, token: s.token}
	upload := func(ctx context.Context) (id string, err error) {
		return files.upload(ctx, io.LimitReader(lines{}, oneMiB))
	}
	doc, err := upload(ctx)
	if err != nil {
		return nil, err
	}
	one := s.passport + "/api/passports/" + id
	return []operation{
		{"read a passport", asking("GET", one, "", s.token, http.StatusOK)},
		{"list 50", asking("GET", s.passport+"/api/passports?limit=50", "", s.token, http.StatusOK)},
		{"create, with its event", func(ctx context.Context) error { _, err := s.create(ctx, next()); return err }},
		{"change, with its event", func(ctx context.Context) error {
			n++
			_, err := s.call(ctx, "PATCH", one, fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, n), http.StatusOK)
			return err
		}},
		{"upload 1 MiB", func(ctx context.Context) error { _, err := upload(ctx); return err }},
		{"download 1 MiB", asking("GET", s.document+"/api/documents/"+doc+"/content", "", s.token, http.StatusOK)},
	}, nil
}

// loginAs logs an admin in, or makes the first account.
func (s *suite) loginAs(ctx context.Context, email, password string) error {
	body := map[string]string{"email": email, "password": password}
	credentials, err := json.Marshal(body)
	if err != nil {
		return err
	}
	data, err := s.call(ctx, "POST", s.auth+"/api/auth/login", string(credentials), http.StatusOK)
	if err != nil {
		body["role"] = "admin"
		if credentials, err = json.Marshal(body); err != nil {
			return err
		}
		data, err = s.call(ctx, "POST", s.auth+"/api/auth/register", string(credentials), http.StatusCreated)
	}
	var session struct{ Token string }
	err = errors.Join(err, json.Unmarshal(data, &session))
	s.token = session.Token
	return err
}
