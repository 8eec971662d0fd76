package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/battery-passport/suite/deploy/api"
)

// TestCall sends a body to a server that returns the request or an error.
func TestCall(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch data, _ := io.ReadAll(r.Body); r.URL.Path {
		case "/problem":
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"detail":"not valid","errors":[{"path":"/a","message":"a is missing"},{"message":"b is missing"}]}`)
		case "/proxy":
			http.Error(w, "not JSON", http.StatusBadGateway)
		case "/empty":
		default:
			json.NewEncoder(w).Encode(map[string]string{"body": string(data), "login": r.Header.Get("Authorization")})
		}
	}))
	defer server.Close()
	for path, c := range map[string]struct {
		body              any
		want, wantErr     string
		isInvalid, noBody bool
	}{
		"/value":   {body: map[string]int{"a": 1}, want: `{"a":1}`},
		"/reader":  {body: strings.NewReader("a b"), want: "a b"},
		"/bytes":   {body: []byte("c"), want: "c"},
		"/nothing": {want: ""},
		"/empty":   {noBody: true},
		"/problem": {wantErr: "POST " + server.URL + "/problem: status 422: not valid\n  a is missing\n  b is missing", isInvalid: true},
		"/proxy":   {wantErr: "status 502: Bad Gateway"},
	} {
		req, err := api.NewRequest(t.Context(), http.MethodPost, server.URL+path, "t", c.body)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Body, Login string }
		_, err = api.Call(server.Client(), req, &got)
		if got.Body != c.want || err == nil && !c.noBody && got.Login != "Bearer t" {
			t.Errorf("%s: got %+v, want the body %q and the token", path, got, c.want)
		}
		if (err == nil) != (c.wantErr == "") || !strings.Contains(fmt.Sprint(err), c.wantErr) || api.HasStatus(err, http.StatusUnprocessableEntity) != c.isInvalid {
			t.Errorf("%s: got error %v, want %q", path, err, c.wantErr)
		}
	}
}

// TestForm reads the form with package http.
func TestForm(t *testing.T) {
	body, mediaType := api.Form(map[string]string{"kind": "test-report"}, api.File{Name: "prüfung.txt", Type: "text/plain", Content: []byte("x")})
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Type", mediaType)
	file, header, err := r.FormFile("file")
	if err != nil {
		t.Fatal(err)
	}
	content, _ := io.ReadAll(file)
	if r.FormValue("kind") != "test-report" || string(content) != "x" || header.Filename != "prüfung.txt" || header.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("got kind %q, file %+v with %q", r.FormValue("kind"), header, content)
	}
}
