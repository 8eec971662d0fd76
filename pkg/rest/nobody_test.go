package rest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/rest"
)

// TestBodiesOfOperationsWithoutBody sends bodies to an operation that has none: only an empty
// one, white space, {} and null reach the handler.
func TestBodiesOfOperationsWithoutBody(t *testing.T) {
	api := newAPI(t, io.Discard)
	calls := 0
	rest.Handle(api, "PATCH /api/closed", rest.Open, func(context.Context, *struct{}) (*struct{}, error) {
		calls++
		return nil, nil
	}, "close", "Close everything", rest.Status(http.StatusNoContent))
	rest.Handle(api, "GET /api/closed", rest.Open, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }, "read", "Read nothing", rest.Status(http.StatusNoContent))
	c := serve(t, api)
	for name, test := range map[string]struct {
		body   string
		header []string
		want   []string // nil: accepted
	}{
		"none": {}, "blank": {" \r\n\t", nil, nil}, "object": {" {} \n", nil, nil}, "null": {"null\n", nil, nil}, "mark": {"\ufeff{}", nil, nil},
		"text":           {" ", []string{"Content-Type", "text/plain"}, nil},
		"packed":         {gzipped("{ }"), []string{"Content-Encoding", "gzip"}, nil},
		"members":        {`{"ids":["a"],"a/b":{"ids":1}}`, nil, []string{"/ids unknownField", "/a~1b unknownField"}},
		"packed members": {gzipped(`{"ids":1}`), []string{"Content-Encoding", "gzip"}, []string{"/ids unknownField"}},
		"array":          {`[]`, nil, []string{" unknownField"}},
		"broken":         {`{"ids":`, nil, []string{" unknownField"}},
		"form":           {`ids=1`, []string{"Content-Type", "application/x-www-form-urlencoded"}, []string{" unknownField"}},
		"large":          {strings.Repeat(" ", 65<<10), nil, []string{" unknownField"}},
	} {
		t.Run(name, func(t *testing.T) {
			calls = 0
			a := c.On(t).Call("PATCH /api/closed", "", test.body, test.header...)
			if test.want == nil {
				a.Want(204, nil)
			} else {
				a.WantProblem(422, test.want...)
			}
			if ran := calls > 0; ran != (test.want == nil) {
				t.Errorf("the operation ran: %v", ran)
			}
		})
	}
	c.DoReader("PATCH /api/closed", io.MultiReader(strings.NewReader(`{"ids":1}`))).WantProblem(422, "/ids unknownField") // without Content-Length
	c.Call("GET /api/closed", "", `{"ids":1}`).Want(204, nil)
	c.Call("PATCH /api/closed?x=1", "", `{"ids":1}`).WantProblem(422, "query:x unknownField", "/ids unknownField")
	for range 600 { // more than there are slots
		c.Call("PATCH /api/closed", "", `{}`, "Content-Encoding", "br").WantProblem(415, "header:Content-Encoding enum")
	}
	c.Call("PATCH /api/closed", "", " ").Want(204, nil)
}
