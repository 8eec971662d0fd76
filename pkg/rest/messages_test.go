package rest_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/rest"
)

// TestValidationMessages checks that validation errors are sentences about the member or
// parameter, not the texts of the library.
func TestValidationMessages(t *testing.T) {
	api := newAPI(t, io.Discard)
	rest.Handle(api, "GET /api/colours", rest.Open, func(context.Context, *struct {
		Colour string    `query:"colour" pattern:"^[0-9A-Fa-f]{6}$"`
		Reason string    `query:"reason" pattern:"\\S"`
		State  string    `query:"state" enum:"draft,active"`
		At     time.Time `query:"at"`
	}) (*struct{}, error) {
		return nil, nil
	}, "listColours", "List colours")
	c := serve(t, api)
	for name, bad := range map[string]struct {
		route, body string
		want        []string
	}{
		"body": {"POST /api/things", `{"kind":"c","count":9,"parts":[{},{"mass":"x"},{"mass":1}],"Name":"x","mail":"x","flag":1,"tags":[1]}`, []string{
			"/Name: is unknown: the request has no such member", "/count: must be at most 3", "/flag: must be true or false", "/kind: must be one of a, b",
			"/mail: must be an email address, such as ann@nordlicht.example", "/name: is missing", "/parts/0/mass: is missing",
			"/parts/1/mass: must be a number", "/parts: must have at most 2 items", "/tags/0: must be a string",
		}},
		"short text":        {"POST /api/things", `{"name":"a"}`, []string{"/name: must have at least 2 characters"}},
		"long text":         {"POST /api/things", `{"name":"abcdef"}`, []string{"/name: must have at most 5 characters"}},
		"fraction":          {"POST /api/things", `{"name":"abc","count":1.5}`, []string{"/count: must be an integer"}},
		"array":             {"POST /api/things", `[]`, []string{": must be an object"}},
		"parameter":         {"GET /api/things?limit=x", "", []string{`query:limit: must be an integer, got "x"`}},
		"small parameter":   {"GET /api/things?limit=0", "", []string{"query:limit: must be at least 1, got 0"}},
		"enum":              {"GET /api/colours?state=Draft", "", []string{`query:state: must be one of draft, active, got "Draft"`}},
		"lost plus":         {"GET /api/colours?at=2026-11-30T07:30:00+01:00", "", []string{`query:at: must be a time with a zone, such as 2026-11-30T07:30:00Z, got "2026-11-30T07:30:00 01:00": write + as %2B`}},
		"long value":        {"GET /api/colours?colour=" + strings.Repeat("x", 61), "", []string{"query:colour: must be a colour, such as 1a2b3c, got 61 characters"}},
		"near parameter":    {"GET /api/things?Limit=2&curser=x", "", []string{"query:Limit: is unknown: the request has no such parameter; did you mean limit?", "query:curser: is unknown: the request has no such parameter; did you mean cursor?"}},
		"unknown parameter": {"GET /api/things?page=2", "", []string{"query:page: is unknown: the request has no such parameter"}},
	} {
		t.Run(name, func(t *testing.T) {
			var p rest.Problem
			c.On(t).Call(bad.route, "", bad.body).Want(422, &p)
			got := make([]string, len(p.Errors))
			for i, e := range p.Errors {
				got[i] = e.Path + ": " + e.Message
			}
			slices.Sort(got)
			if diff := cmp.Diff(bad.want, got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}
