package rest

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

// DocumentURL is an OpenAPI document in the menu of /docs.
type DocumentURL struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// DocumentURLs is a list of OpenAPI documents.
type DocumentURLs []DocumentURL

// Decode implements envconfig.Decoder.
func (d *DocumentURLs) Decode(value string) error {
	*d = nil
	for entry := range strings.SplitSeq(value, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		name, text, _ := strings.Cut(entry, "=")
		u, err := url.Parse(text)
		if err != nil || name == "" || u.Path == "" || u.Host == "" && !strings.HasPrefix(text, "/") || u.Host != "" && u.Scheme != "http" && u.Scheme != "https" {
			return errors.New("each entry must be a name and a URL or path, such as Auth Service=https://api.example/auth/openapi.json")
		}
		*d = append(*d, DocumentURL{name, text})
	}
	return nil
}

// document serves /openapi.json, /docs and a description of each problem type.
func (a *API) document(o Options) {
	docs, data, icon := unrouted, unrouted, unrouted
	docs.CSP, docs.CORS, data.CORS, data.Query, data.Compress = docsCSP, LinkedPages, LinkedPages, StrictQuery, true
	icon.CORS = LinkedPages
	if origins := o.HTTP.Documents.origins(); len(origins) > 0 {
		docs.CSP += "; connect-src 'self' " + strings.Join(origins, " ")
	}
	page := docsPage(o)
	Page(a, "GET /docs", docs, page)
	Page(a, "GET /docs/*", docs, page)
	Page(a, "GET /", docs, http.RedirectHandler("/docs", http.StatusFound))
	Page(a, "GET /favicon.ico", icon, http.RedirectHandler("/docs/favicon-32x32.png", http.StatusFound))
	Page(a, "GET /openapi.json", data, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(a.Spec())
	}))
	Page(a, "GET "+problems+"{kind}", data, http.HandlerFunc(problemPage))
}

// origins returns the origins of the URLs.
func (d DocumentURLs) origins() (all []string) {
	for _, document := range d {
		if u, err := url.Parse(document.URL); err == nil && u.Host != "" {
			all = append(all, u.Scheme+"://"+u.Host)
		}
	}
	return all
}

// docsPage returns Swagger UI with the document of the service and, in a menu, those of
// all services. It remembers the access token. The own document has no host: the page shows it
// under any name of the service.
func docsPage(o Options) http.Handler {
	cfg := swgui.Config{SettingsUI: map[string]string{"persistAuthorization": "true", "displayRequestDuration": "true"}}
	if menu := o.HTTP.Documents; len(menu) > 0 {
		menu = slices.Clone(menu)
		for i := range menu {
			if menu[i].Name == o.Document.Title {
				menu[i].URL = "/openapi.json"
			}
		}
		urls, err := json.Marshal(menu)
		if err != nil {
			panic(err) // not possible: they are strings
		}
		cfg.ShowTopBar, cfg.SettingsUI["urls"], cfg.SettingsUI[`"urls.primaryName"`] = true, string(urls), quoteJS(o.Document.Title)
	}
	return v5emb.NewWithConfig(cfg)(o.Document.Title, "/openapi.json", "/docs")
}

func quoteJS(text string) string {
	data, _ := json.Marshal(text)
	return string(data)
}
