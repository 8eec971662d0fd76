// Clients runs a command with one address for all services of a suite, BASE_URL. It adds an
// undocumented member to each object in a JSON response: responses may get further members, and
// generated clients must ignore them.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// paths maps the prefixes of paths to the services.
var paths = []struct{ prefix, variable string }{
	{"/api/auth/", "AUTH_URL"}, {"/api/documents", "DOCUMENT_URL"}, {"/api/public/documents", "DOCUMENT_URL"},
	{"/api/notifications", "NOTIFICATION_URL"}, {"/", "PASSPORT_URL"},
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: clients COMMAND [ARGUMENT...], with AUTH_URL, PASSPORT_URL, DOCUMENT_URL and NOTIFICATION_URL")
		os.Exit(2)
	}
	gateway := httptest.NewServer(&httputil.ReverseProxy{Rewrite: route, ModifyResponse: extend})
	command := exec.Command(os.Args[1], os.Args[2:]...)
	command.Env = append(os.Environ(), "BASE_URL="+gateway.URL)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	err := command.Run()
	gateway.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func route(r *httputil.ProxyRequest) {
	for _, p := range paths {
		if strings.HasPrefix(r.In.URL.Path, p.prefix) {
			target, err := url.Parse(os.Getenv(p.variable))
			if err == nil {
				r.SetURL(target)
			}
			r.Out.Header.Set("Accept-Encoding", "identity") // extend reads the body
			return
		}
	}
}

// extend adds a member to each object of a JSON response.
func extend(res *http.Response) error {
	mediaType, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if mediaType != "application/json" && mediaType != "application/problem+json" {
		return nil
	}
	data, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	var body any
	numbers := json.NewDecoder(bytes.NewReader(data))
	numbers.UseNumber() // as they were written
	if err := numbers.Decode(&body); err != nil {
		return err
	}
	if data, err = json.Marshal(addMembers(body)); err != nil {
		return err
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	res.Header.Set("Content-Length", strconv.Itoa(len(data)))
	return nil
}

func addMembers(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = addMembers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = addMembers(v[name])
		}
		v["memberOfALaterVersion"] = map[string]any{"value": 1}
	}
	return value
}
