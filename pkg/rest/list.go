package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/battery-passport/suite/pkg/fault"
)

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

// Tag is the entity tag of a body: a weak one, as it is the same whether the body
// is compressed or not.
func Tag(body []byte) string {
	sum := sha256.Sum256(body)
	return `W/"` + hex.EncodeToString(sum[:16]) + `"`
}

// Unchanged reports whether an entity tag is among those of an If-None-Match
// header, which are compared weakly (RFC 9110, 13.1.2).
func Unchanged(ifNoneMatch, tag string) bool {
	tags := strings.Split(strings.ReplaceAll(ifNoneMatch, " ", ""), ",")
	return slices.ContainsFunc(tags, func(t string) bool {
		return t == "*" || strings.TrimPrefix(t, "W/") == strings.TrimPrefix(tag, "W/")
	})
}

// ETag is the entity tag of a version.
func ETag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// Precondition is the If-Match header of a write.
type Precondition struct {
	IfMatch string `header:"If-Match" doc:"ETag of the version the write is meant for; if it is another by now the answer is 412"`
}

// Versions returns the versions the write is meant for, none where any will do.
// It fails with fault.Malformed when the header is no list of entity tags.
func (p Precondition) Versions() ([]int64, error) {
	if p.IfMatch == "" || strings.TrimSpace(p.IfMatch) == "*" {
		return nil, nil
	}
	var versions []int64
	for tag := range strings.SplitSeq(p.IfMatch, ",") {
		tag = strings.TrimSpace(tag)
		text, quoted := strings.CutPrefix(strings.TrimPrefix(tag, "W/"), `"`)
		text, ended := strings.CutSuffix(text, `"`)
		if !quoted || !ended || strings.Contains(text, `"`) {
			return nil, fault.New(fault.Malformed, "If-Match is no entity tag").With(fault.Detail{
				Path: "header:If-Match", Code: "format", Message: `give the ETag of the answer you read, with its quotes, as in "3"`,
			})
		}
		version, err := strconv.ParseInt(text, 10, 64)
		if err != nil || tag != ETag(version) {
			version = -1 // a tag that no version has; a weak one never matches here (RFC 9110, 13.1.1)
		}
		versions = append(versions, version)
	}
	return versions, nil
}
