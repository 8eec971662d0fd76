package passportd_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// resolution is a response of the resolver.
type resolution struct {
	*http.Response
	body string
}

func (r resolution) link(rel string) string {
	for _, header := range r.Header.Values("Link") {
		if strings.Contains(header, `rel="`+rel+`"`) {
			return header
		}
	}
	return ""
}

func (r resolution) location() string {
	target, _, _ := strings.Cut(r.Header.Get("Location"), "linkType=")
	return strings.TrimRight(target, "?&")
}

// linkset is a linkset by RFC 9264: the members of each entry that are not links, and the
// links by type.
type linkset []struct {
	anchor, description string
	links               map[string][]linksetLink
}

type linksetLink struct {
	Href, Title, Type string
	Hreflang          []string
	attributes        int
}

func readLinkset(t *testing.T, body string) (set linkset) {
	t.Helper()
	var file struct{ Linkset []map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(body), &file); err != nil {
		t.Fatalf("linkset: %v: %.300s", err, body)
	}
	for _, members := range file.Linkset {
		entry := linkset{{links: map[string][]linksetLink{}}}[0]
		for name, value := range members {
			var err error
			switch name {
			case "anchor":
				err = json.Unmarshal(value, &entry.anchor)
			case "itemDescription":
				err = json.Unmarshal(value, &entry.description)
			default:
				var raw []map[string]any
				var links []linksetLink
				if err = json.Unmarshal(value, &links); err == nil && json.Unmarshal(value, &raw) == nil {
					for i := range links {
						links[i].attributes = len(raw[i])
					}
				}
				entry.links[name] = links
			}
			if err != nil {
				t.Errorf("linkset: member %s: %v: %.200s", name, err, value)
			}
		}
		set = append(set, entry)
	}
	return set
}

const gs1Namespace = "https://ref.gs1.org/voc/"

// TestResolverPassesTheConformanceChecks has the 32 checks of the test suite of GS1 for
// resolvers (GS1DL-resolver-testsuite, June 2026). It sends HEAD and no Origin, as the
// suite does. The proxy in front of the service adds TLS.
func TestResolverPassesTheConformanceChecks(t *testing.T) {
	s, p, _ := startScan(t, false)
	ask := func(method, path string, headers ...string) resolution {
		res, body := s.get(method, path, headers...)
		return resolution{res, body}
	}
	head := func(path string) resolution { return ask("HEAD", path) }
	identifier, err := url.Parse(p.BatteryIdentifier)
	if err != nil {
		t.Fatal(err)
	}
	plain, page := head(nlbPath), scanBase+"/p/"+p.ID
	full := ask("GET", nlbPath, "Accept", linksetTy)
	set := readLinkset(t, full.body)
	own := set[0].links
	single, multiple := gs1Namespace+"instructions", gs1Namespace+"recyclingInfo"
	for i, c := range []struct {
		name string
		ok   bool
	}{
		{"the identifier is a URL", identifier.Host != ""},
		{"the identifier is a valid GS1 Digital Link", head(nlbPath).StatusCode < 400},
		{"the identifier uses https", identifier.Scheme == "https"},
		{"the identifier has a key in digits", regexp.MustCompile(`/01/\d{14}/`).MatchString(p.BatteryIdentifier)},
		{"the resolver is reached over TLS: all addresses that it makes use https", allHTTPS(set)},
		{"/.well-known/gs1resolver describes the resolver", describesResolver(ask("GET", "/.well-known/gs1resolver", "Accept", "application/json"))},
		{"HTTP 1.1 or higher", plain.ProtoAtLeast(1, 1)},
		{"CORS", plain.Header.Get("Access-Control-Allow-Origin") == "*"},
		{"a redirect has a link to the linkset", plain.StatusCode == 307 && plain.link("linkset") != ""},
		{"the Link header has no other link types", !strings.Contains(strings.Join(plain.Header.Values("Link"), ","), `rel="gs1:`)},
		{"GET, HEAD and OPTIONS", plain.Header.Get("Access-Control-Allow-Methods") == "GET, HEAD, OPTIONS" && ask("OPTIONS", nlbPath).StatusCode == 204},
		{"a malformed link is answered with 400", head(nlbPath+"/foo").StatusCode == 400},
		{"no error is answered with 200", ask("GET", nlbPath+"/foo").StatusCode >= 400 && ask("GET", "/01/09521100000116/21/UNKNOWN").StatusCode >= 400},
		{"a slash at the end makes no difference", head(nlbPath+"/").StatusCode == 307 && head(nlbPath+"/").location() == plain.location()},
		{"key and value pairs of the query are passed on", strings.HasSuffix(head(nlbPath+"?foo=bar").Header.Get("Location"), "?foo=bar")},
		{"linkType=linkset is answered with the linkset, without a redirect", head(nlbPath+"?linkType=linkset").StatusCode == 200},
		{"linkType=all, which is deprecated, too", head(nlbPath+"?linkType=all").StatusCode == 200},
		{"so is Accept: application/linkset+json", full.StatusCode == 200},
		{"the linkset is valid: each entry has an anchor, each link an address and a title", validLinkset(set)},
		{"the linkset has a link to its JSON-LD context", strings.Contains(full.link("http://www.w3.org/ns/json-ld#context"), `type="application/ld+json"`)},
		{"the media type of the linkset is application/linkset+json", full.Header.Get("Content-Type") == linksetTy},
		{"the linkset is an array of entries, from the battery up to the key", len(set) == 2 && set[0].anchor == scanBase+nlbPath && set[1].anchor == scanBase+nlbModel},
		{"there is a default link", len(own[gs1Namespace+"defaultLink"]) > 0},
		{"there is only one, with address and title and nothing else", len(own[gs1Namespace+"defaultLink"]) == 1 && own[gs1Namespace+"defaultLink"][0].attributes == 2 && set[1].links[gs1Namespace+"defaultLink"] == nil},
		{"defaultLinkMulti, which needs several links, is not used", set[0].links[gs1Namespace+"defaultLinkMulti"] == nil},
		{"link types of GS1 are those of its vocabulary", knownTypes(set)},
		{"a request without a link type is redirected to the default link", plain.Header.Get("Location") == own[gs1Namespace+"defaultLink"][0].Href && plain.location() == page},
		{"a request for a link type with one link is redirected to it", len(own[single]) == 1 && head(nlbPath+"?linkType=gs1:instructions").location() == own[single][0].Href},
		{"a request that several links match equally is answered with 300 and the links", len(own[multiple]) > 1 && head(nlbPath+"?linkType=gs1:recyclingInfo").StatusCode == 300},
		{"of several links that differ, the media type selects one", mediaTypeSelects(ask, own[gs1Namespace+"dpp"])},
		{"a link type without a link is answered with 404", head(nlbPath+"?linkType=gs1:nosuchlt").StatusCode == 404},
		{"Vary names the Accept header", strings.Contains(strings.Join(full.Header.Values("Vary"), ","), "Accept")},
	} {
		if !c.ok {
			t.Errorf("check %d: %s: failed", i+1, c.name)
		}
	}
}

func allHTTPS(set linkset) bool {
	for _, entry := range set {
		for _, links := range entry.links {
			for _, l := range links {
				if !strings.HasPrefix(l.Href, "https://") {
					return false
				}
			}
		}
	}
	return true
}

func describesResolver(r resolution) bool {
	var file struct {
		Name, ResolverRoot   string
		SupportedPrimaryKeys []string
	}
	return r.StatusCode == 200 && json.Unmarshal([]byte(r.body), &file) == nil && file.ResolverRoot == scanBase && slices.Contains(file.SupportedPrimaryKeys, "01")
}

func validLinkset(set linkset) bool {
	for _, entry := range set {
		if entry.anchor == "" || entry.description == "" || len(entry.links) == 0 {
			return false
		}
		for _, links := range entry.links {
			for _, l := range links {
				if l.Href == "" || l.Title == "" {
					return false
				}
			}
		}
	}
	return true
}

func knownTypes(set linkset) bool {
	known := []string{"defaultLink", "dpp", "pip", "certificationInfo", "instructions", "recyclingInfo", "safetyInfo", "sustainabilityInfo"}
	for _, entry := range set {
		for name := range entry.links {
			if local, ok := strings.CutPrefix(name, gs1Namespace); name != "dpp" && (!ok || !slices.Contains(known, local)) {
				return false
			}
		}
	}
	return true
}

// mediaTypeSelects asks for each link by its media type, in a parameter and in a header.
func mediaTypeSelects(ask func(method, path string, headers ...string) resolution, links []linksetLink) bool {
	for _, l := range links {
		byParameter := ask("HEAD", nlbPath+"?mediaType="+url.QueryEscape(l.Type)+"&linkType=gs1:dpp")
		byHeader := ask("HEAD", nlbPath+"?linkType=gs1:dpp", "Accept", l.Type)
		if byHeader.location() != l.Href || !strings.HasPrefix(byParameter.Header.Get("Location"), l.Href) {
			return false
		}
	}
	return len(links) > 1
}

// TestRedirectsOfTheResolverLeadSomewhere follows the links of a battery and its model that
// are on this service. They get the query of the request.
func TestRedirectsOfTheResolverLeadSomewhere(t *testing.T) {
	s, _, _ := startScan(t, true)
	for _, from := range []string{nlbPath, nlbModel, nlbModel + "/21/UNKNOWN"} {
		_, body := s.get("GET", from+"?linkType=linkset")
		for _, entry := range readLinkset(t, body) {
			for linkType, links := range entry.links {
				for _, l := range links {
					if !strings.HasPrefix(l.Href, scanBase) {
						continue
					}
					res, _ := s.get("GET", fmt.Sprintf("%s?linkType=%s&utm_source=a", from, url.QueryEscape(linkType)), "Accept", l.Type)
					if linkType != gs1Namespace+"defaultLink" && res.StatusCode != 307 {
						t.Errorf("%s, %s, %s: got %d, want 307", from, linkType, l.Type, res.StatusCode)
					}
					if linkType == gs1Namespace+"defaultLink" {
						continue
					}
					next, _ := s.get("GET", strings.TrimPrefix(res.Header.Get("Location"), scanBase), "Accept", l.Type)
					if mediaType, _, _ := strings.Cut(next.Header.Get("Content-Type"), ";"); l.Type != "" && (next.StatusCode != 200 || mediaType != l.Type) {
						t.Errorf("%s, %s: %s: got %d, %s, want %s", from, linkType, res.Header.Get("Location"), next.StatusCode, mediaType, l.Type)
					}
				}
			}
		}
	}
}
