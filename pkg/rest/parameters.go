package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/battery-passport/suite/pkg/fault"
)

const keyHeader = "Idempotency-Key"

// IdempotencyKey is embedded in an input to accept the header Idempotency-Key. A request
// with the same key does not create a second resource.
type IdempotencyKey struct {
	Key string `header:"Idempotency-Key" minLength:"1" maxLength:"255" pattern:"^[!-~]+$" doc:"unique key of this request, such as a UUID. If you repeat the request with the same key, you get the resource that the first request created, as long as it exists; the same key with another body is refused"`
}

// Replayed is embedded in an output to set the header Idempotency-Replayed.
type Replayed struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true if the request was repeated; the response is the current state of the resource that the first request created"`
}

// ReplayedIf returns the header for a repeated request, or no header.
func ReplayedIf(replayed bool) Replayed {
	if replayed {
		return Replayed{"true"}
	}
	return Replayed{}
}

// Paging is embedded in an input to select a page of a list.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"maximum number of items on the page; a page may have fewer items although more pages follow"`
	Cursor string `query:"cursor" maxLength:"16384" doc:"nextCursor of the previous page; use it with the same filters and order"`
}

// List is the response body for a page of a list.
type List[T any] struct {
	Items      []T    `json:"items" doc:"items of this page"`
	NextCursor string `json:"nextCursor,omitempty" doc:"cursor of the next page; missing on the last page"`
}

// Revalidation is embedded in an input to accept the header If-None-Match.
type Revalidation struct {
	IfNoneMatch string `header:"If-None-Match" doc:"ETag of the response the client has; if it is still current, the response is 304 without a body"`
}

// BodyETag returns the entity tag of a body. It is weak, because it is the same for the
// compressed and the uncompressed body.
func BodyETag(body []byte) string {
	sum := sha256.Sum256(body)
	return `W/"` + hex.EncodeToString(sum[:16]) + `"`
}

// MatchesETag reports whether an If-None-Match header contains the entity tag, by weak
// comparison (RFC 9110, 13.1.2).
func MatchesETag(ifNoneMatch, tag string) bool {
	tags := strings.Split(strings.ReplaceAll(ifNoneMatch, " ", ""), ",")
	return slices.ContainsFunc(tags, func(t string) bool {
		return t == "*" || strings.TrimPrefix(t, "W/") == strings.TrimPrefix(tag, "W/")
	})
}

// VersionETag returns the entity tag of a version of a resource.
func VersionETag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// Precondition is embedded in an input to accept the header If-Match.
type Precondition struct {
	IfMatch string `header:"If-Match" doc:"ETag of the version that you want to change; if the resource was changed since, or if the tag is weak, the response is 412"`
}

// Versions returns the versions in If-Match, or nil if every version matches. It fails
// with fault.Malformed if the header is not a list of entity tags.
func (p Precondition) Versions() (versions []int64, err error) {
	if p.IfMatch == "" || strings.TrimSpace(p.IfMatch) == "*" {
		return nil, nil
	}
	for tag := range strings.SplitSeq(p.IfMatch, ",") {
		tag = strings.TrimSpace(tag)
		text, quoted := strings.CutPrefix(strings.TrimPrefix(tag, "W/"), `"`)
		text, ended := strings.CutSuffix(text, `"`)
		if !quoted || !ended || strings.Contains(text, `"`) {
			return nil, fault.New(fault.Malformed, "If-Match must be a list of entity tags").With(fault.Detail{
				Path: "header:If-Match", Code: "format", Message: `must be the ETag header of a response, including its quotes, such as "3"`,
			})
		}
		version, err := strconv.ParseInt(text, 10, 64)
		if err != nil || tag != VersionETag(version) {
			version = -1 // matches no version; a weak tag never matches in If-Match (RFC 9110, 13.1.1)
		}
		versions = append(versions, version)
	}
	return versions, nil
}

// explain returns err, or a better error if a weak tag caused it. Proxies that compress
// responses make their tags weak.
func (p Precondition) explain(err error) error {
	if !fault.Is(err, fault.Stale) || !slices.ContainsFunc(strings.Split(p.IfMatch, ","), isWeak) {
		return err
	}
	return fault.New(fault.Stale, `If-Match contains a weak tag, which never matches: send a strong tag, such as "3" instead of W/"3"`).
		With(fault.Detail{Path: "header:If-Match", Code: "weak", Message: `must be a strong tag, such as "3" instead of W/"3"`}).Because(err)
}

func isWeak(tag string) bool { return strings.HasPrefix(strings.TrimSpace(tag), "W/") }

// oneKey rejects an empty Idempotency-Key, which huma ignores, and a repeated one, of
// which huma takes the first.
func oneKey(next http.Handler) http.Handler {
	return collect(next, func(_ http.ResponseWriter, r *http.Request) error {
		values := r.Header.Values(keyHeader)
		if len(values) == 1 && values[0] == "" {
			return invalidUnless([]fault.Detail{{Path: "header:" + keyHeader, Code: "required", Message: "must not be empty; omit it instead"}})
		}
		return invalidUnless(checkOnce("header:"+keyHeader, values))
	})
}

// strictQuery rejects queries that huma would accept: those that cannot be parsed, and
// parameters that are repeated, not plain text or, for an operation, unknown. An empty parameter
// counts as absent.
func (rt *route) strictQuery(next http.Handler) http.Handler {
	return collect(next, func(_ http.ResponseWriter, r *http.Request) error {
		if r.URL.RawQuery == "" {
			return nil
		}
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return fault.New(fault.Malformed, "the query string cannot be parsed").
				With(fault.Detail{Path: "query", Code: "syntax", Message: "must not contain invalid percent-encoding or a semicolon"})
		}
		var details []fault.Detail
		for _, name := range slices.Sorted(maps.Keys(values)) {
			details = append(details, checkOnce("query:"+name, values[name])...)
			switch {
			case !isPlainText(name + strings.Join(values[name], "")):
				details = append(details, fault.Detail{Path: "query:" + name, Code: "format", Message: "must be UTF-8 without control characters"})
			case rt.isOperation && !slices.Contains(rt.query, name):
				details = append(details, fault.Detail{Path: "query:" + name, Code: "unknownField", Message: "is unknown: the request has no such parameter" + fault.DidYouMean(name, rt.query)})
			}
		}
		return invalidUnless(details)
	})
}

// queryNames returns the names of the query parameters.
func queryNames(parameters []*huma.Param) (names []string) {
	for _, p := range parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	return names
}

// isPlainText reports whether text is valid UTF-8 without control characters.
func isPlainText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// checkOnce reports a parameter that is repeated.
func checkOnce(location string, values []string) []fault.Detail {
	if len(values) > 1 {
		return []fault.Detail{{Path: location, Code: "duplicate", Message: "must not be repeated"}}
	}
	return nil
}

// refuse responds with a problem if check fails.
func refuse(next http.Handler, check func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := check(w, r); err != nil {
			WriteProblem(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// collect is refuse, except that it adds the details of an invalid request to requestState.invalid,
// and continues. The check that runs last responds with all of them. Other errors end the request.
func collect(next http.Handler, check func(http.ResponseWriter, *http.Request) error) http.Handler {
	return refuse(next, func(w http.ResponseWriter, r *http.Request) error {
		err := check(w, r)
		if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid && len(f.Details) > 0 {
			s := stateOf(r.Context())
			s.invalid = append(s.invalid, f.Details...)
			return nil
		}
		return err
	})
}

// refuseInvalid responds with the details that collect has kept.
func refuseInvalid(next http.Handler) http.Handler {
	return refuse(next, func(_ http.ResponseWriter, r *http.Request) error { return invalidUnless(stateOf(r.Context()).invalid) })
}

func invalidUnless(details []fault.Detail) error {
	if details == nil {
		return nil
	}
	return fault.New(fault.Invalid, "the request is not valid").With(details...)
}
