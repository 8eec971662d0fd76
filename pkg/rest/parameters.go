package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/battery-passport/suite/pkg/fault"
)

const keyHeader = "Idempotency-Key"

// IdempotencyKey is the part of an input that names a request which may be sent
// again.
type IdempotencyKey struct {
	Key string `header:"Idempotency-Key" minLength:"1" maxLength:"255" pattern:"^[!-~]+$" patternDescription:"visible ASCII characters" doc:"a name of your own for this request, as a UUID: the same request with it makes nothing anew, as long as what it made is there"`
}

// Replayed is the header of an answer to a request that was sent before.
type Replayed struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true: the request came before, and this is what it made, as it is now"`
}

// ReplayedIf returns the header of an answer.
func ReplayedIf(replayed bool) Replayed {
	if replayed {
		return Replayed{"true"}
	}
	return Replayed{}
}

// Paging is the part of an input that selects a page of a list.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"most items on the page; there may be fewer although more follow"`
	Cursor string `query:"cursor" maxLength:"16384" doc:"nextCursor of the page before, with the same filters and order"`
}

// List is the body of a page of a list.
type List[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"nextCursor,omitempty" doc:"cursor of the next page; none on the last"`
}

// Revalidation is the If-None-Match header of a read.
type Revalidation struct {
	IfNoneMatch string `header:"If-None-Match" doc:"ETag of the response the client has; if it is still current, the response is 304 without a body"`
}

// BodyETag is the entity tag of a body: a weak one, as it is the same whether the body
// is compressed or not.
func BodyETag(body []byte) string {
	sum := sha256.Sum256(body)
	return `W/"` + hex.EncodeToString(sum[:16]) + `"`
}

// MatchesETag reports whether an entity tag is among those of an If-None-Match
// header, which are compared weakly (RFC 9110, 13.1.2).
func MatchesETag(ifNoneMatch, tag string) bool {
	tags := strings.Split(strings.ReplaceAll(ifNoneMatch, " ", ""), ",")
	return slices.ContainsFunc(tags, func(t string) bool {
		return t == "*" || strings.TrimPrefix(t, "W/") == strings.TrimPrefix(tag, "W/")
	})
}

// VersionETag is the entity tag of a version.
func VersionETag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// Precondition is the If-Match header of a write.
type Precondition struct {
	IfMatch string `header:"If-Match" doc:"ETag of the version the write is meant for; if it is another by now the answer is 412"`
}

// Versions returns the versions the write is meant for, none where any will do.
// It fails with fault.Malformed when the header is not a list of entity tags.
func (p Precondition) Versions() (versions []int64, err error) {
	if p.IfMatch == "" || strings.TrimSpace(p.IfMatch) == "*" {
		return nil, nil
	}
	for tag := range strings.SplitSeq(p.IfMatch, ",") {
		tag = strings.TrimSpace(tag)
		text, quoted := strings.CutPrefix(strings.TrimPrefix(tag, "W/"), `"`)
		text, ended := strings.CutSuffix(text, `"`)
		if !quoted || !ended || strings.Contains(text, `"`) {
			return nil, fault.New(fault.Malformed, "If-Match is not a list of entity tags").With(fault.Detail{
				Path: "header:If-Match", Code: "format", Message: `give the ETag of the answer you read, with its quotes, as in "3"`,
			})
		}
		version, err := strconv.ParseInt(text, 10, 64)
		if err != nil || tag != VersionETag(version) {
			version = -1 // a tag that no version has; a weak one never matches here (RFC 9110, 13.1.1)
		}
		versions = append(versions, version)
	}
	return versions, nil
}

// oneKey refuses an empty Idempotency-Key, which huma takes for none, and several,
// of which it takes the first.
func oneKey(next http.Handler) http.Handler {
	return refuse(next, func(_ http.ResponseWriter, r *http.Request) error {
		return invalidUnless(checkOnce("header:"+keyHeader, r.Header.Values(keyHeader)))
	})
}

// strictQuery refuses what net/url passes over: a query that cannot be parsed, a
// repeated parameter, and one without a value, which would select everything.
func strictQuery(next http.Handler) http.Handler {
	return refuse(next, func(_ http.ResponseWriter, r *http.Request) error {
		if r.URL.RawQuery == "" {
			return nil
		}
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return fault.New(fault.Malformed, "the query cannot be read").
				With(fault.Detail{Path: "query", Code: "syntax", Message: "holds a broken escape, or a semicolon"})
		}
		var details []fault.Detail
		for _, name := range slices.Sorted(maps.Keys(values)) {
			details = append(details, checkOnce("query:"+name, values[name])...)
		}
		return invalidUnless(details)
	})
}

// checkOnce finds a parameter that is repeated or empty.
func checkOnce(place string, values []string) []fault.Detail {
	switch {
	case len(values) > 1:
		return []fault.Detail{{Path: place, Code: "duplicate", Message: "is given more than once"}}
	case len(values) == 1 && values[0] == "":
		return []fault.Detail{{Path: place, Code: "required", Message: "has no value; leave it out where none is meant"}}
	}
	return nil
}

// refuse answers the requests in which check finds an error.
func refuse(next http.Handler, check func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := check(w, r); err != nil {
			writeProblem(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func invalidUnless(details []fault.Detail) error {
	if details == nil {
		return nil
	}
	return fault.New(fault.Invalid, "the request is not valid").With(details...)
}
