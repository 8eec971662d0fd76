package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// TestDocsMenuShowsAllServices opens /docs of each service under make run. Its menu has the documents of all
// services: the own one under any host, and the others, which the page may read and call.
func TestDocsMenuShowsAllServices(t *testing.T) {
	s := start(t, config(t))
	services := []resttest.Client{s.auth, s.passport, s.document, s.notification}
	for i, service := range services {
		page := service.Do("GET /docs", "").Want(200, nil)
		menu := regexp.MustCompile(`urls: (\[\{.*?\}\])`).FindStringSubmatch(page.Text)
		var entries []rest.DocumentURL
		if menu == nil || json.Unmarshal([]byte(menu[1]), &entries) != nil || len(entries) != len(services) {
			t.Fatalf("the menu of %s is %q, want %d documents", service.URL, menu, len(services))
		}
		for j, entry := range entries {
			want := services[j].URL + "/openapi.json"
			if j == i {
				want = "/openapi.json"
			}
			if entry.URL != want {
				t.Errorf("%s: the document of %s is %s, want %s", service.URL, entry.Name, entry.URL, want)
			}
			answer := services[j].Do("GET /openapi.json", "", "Origin", service.URL).Want(200, nil)
			if allowed := answer.Header.Get("Access-Control-Allow-Origin"); j != i && allowed != service.URL {
				t.Errorf("%s must not read the document of %s: %q", service.URL, entry.Name, allowed)
			}
			if title := fmt.Sprintf(`"title": %q`, entry.Name); !strings.Contains(answer.Text, title) {
				t.Errorf("the document %s is not that of %s", want, entry.Name)
			}
		}
	}
}

// TestComposeMenuOfDocs: in Docker Compose the menu of /docs has the documents of all services at
// the addresses that the host publishes, and pages there and at the gateway may call them.
func TestComposeMenuOfDocs(t *testing.T) {
	file := compose(t)
	var published []string
	for _, service := range []string{"auth-service", "passport-service", "document-service", "notification-service", "gateway"} {
		published = append(published, "http://"+expand(file.Services[service].Ports[0][:strings.LastIndex(file.Services[service].Ports[0], ":")]))
	}
	for service := range configs() {
		set := file.Services[service].Environment
		var documents rest.DocumentURLs
		var origins rest.Origins
		if err := documents.Decode(expand(set["OPENAPI_URLS"])); err != nil {
			t.Fatal(err)
		}
		if err := origins.Decode(expand(set["CORS_ORIGINS"])); err != nil || !slices.Equal(origins, published) {
			t.Errorf("%s: CORS_ORIGINS are %q, %v, want %q", service, origins, err, published)
		}
		var names, addresses []string
		for _, d := range documents {
			u, err := url.Parse(d.URL)
			if err != nil || u.Path != "/openapi.json" {
				t.Errorf("%s: the document of %s is %s, %v", service, d.Name, d.URL, err)
			}
			names, addresses = append(names, d.Name), append(addresses, u.Scheme+"://"+u.Host)
		}
		if want := []string{"Auth Service", "Battery Passport Service", "Document Service", "Notification Service"}; !slices.Equal(names, want) || !slices.Equal(addresses, published[:4]) {
			t.Errorf("%s: the menu has %q at %q, want %q at %q", service, names, addresses, want, published[:4])
		}
	}
}
