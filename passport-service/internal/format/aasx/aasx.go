// Package aasx reads and writes packages of asset administration shells (AASX): archives of the Open Packaging
// Conventions whose relationships lead to environments in JSON or XML.
package aasx

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"io"
	"net/url"
	"path"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/archive"
	"github.com/battery-passport/suite/pkg/fault"
)

// MediaType is the media type of packages.
const MediaType = "application/asset-administration-shell-package"

// Files of packages.
const (
	originPart          = "aasx/aasx-origin"
	originRelationships = "aasx/_rels/aasx-origin.rels"
)

// IsPackage reports whether an archive has a file of packages. has reports whether it has a file.
func IsPackage(has func(name string) bool) bool { return has(originPart) || has(originRelationships) }

// Types of relationships, after the host.
const (
	origin     = "/aasx/relationships/aasx-origin"
	spec       = "/aasx/relationships/aas-spec"
	hostOfType = "http://admin-shell.io"
)

// Limits of a package.
const (
	maxRelationships = 1 << 20 // bytes of a file of relationships
	maxSpecs         = 1000
)

const (
	declaration  = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	contentTypes = declaration + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="json" ContentType="application/json"/><Override PartName="/` + originPart + `" ContentType="text/plain"/></Types>`
)

func relationships(kind, target string) string {
	return declaration + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="r1" Type="` + hostOfType + kind + `" Target="` + target + `"/></Relationships>`
}

// Pack returns a package with an environment in JSON.
func Pack(environment []byte) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, part := range []struct{ name, text string }{
		{"[Content_Types].xml", contentTypes},
		{"_rels/.rels", relationships(origin, "/"+originPart)},
		{originPart, "Intentionally empty."},
		{originRelationships, relationships(spec, "/aasx/environment.json")},
		{"aasx/environment.json", string(environment)},
	} {
		w, err := z.Create(part.name)
		if err == nil {
			_, err = io.WriteString(w, part.text)
		}
		if err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}

func malformed(format string, args ...any) error {
	return fault.New(fault.Malformed, "the package cannot be read: "+format, args...)
}

// Specs returns the files of a package that contain environments. It fails with
// fault.Malformed, for example for relationships to places outside of the package.
func Specs(a *archive.Archive) ([]*zip.File, error) {
	origins, err := targets(a, "", origin, 1)
	if err != nil {
		return nil, err
	}
	var files []*zip.File
	for _, from := range origins {
		specs, err := targets(a, from, spec, maxSpecs)
		if err != nil {
			return nil, err
		}
		for _, name := range specs {
			f := find(a, name)
			if f == nil {
				return nil, malformed("its file %.100q is missing", name)
			}
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return nil, malformed("it has 0 environments, but must have 1 to %d", maxSpecs)
	}
	return files, nil
}

// find returns the file with a name, which relationships may write with percent encoding, or nil.
func find(a *archive.Archive, name string) *zip.File {
	f := a.Find(name)
	if plain, err := url.PathUnescape(name); f == nil && err == nil {
		f = a.Find(plain)
	}
	return f
}

// targets returns the names of the files that relationships of a type lead to. It fails with fault.Malformed if there are
// more than limit.
func targets(a *archive.Archive, from, kind string, limit int) ([]string, error) {
	f := a.Find(path.Join(path.Dir(from), "_rels", path.Base("/"+from)+".rels"))
	if from == "" {
		f = a.Find("_rels/.rels")
	}
	if f == nil {
		return nil, malformed("the relationships of %.100q are missing", "/"+from)
	}
	r, err := a.Open(f)
	if err != nil {
		return nil, err
	}
	defer r.Close() // read-only
	var names []string
	found := map[string]bool{"": true} // "": the relationship has another type
	d := xml.NewDecoder(io.LimitReader(r, maxRelationships))
	for len(names) <= limit {
		token, err := d.Token()
		if err == io.EOF {
			return names, nil
		}
		if err != nil {
			return nil, malformed("%.100q is not valid XML: %v", f.Name, err)
		}
		name, err := target(token, from, kind)
		if err != nil {
			return nil, err
		}
		if key := strings.ToLower(name); !found[key] {
			found[key], names = true, append(names, name)
		}
	}
	return nil, malformed("it must not have relationships of the type %s to more than %d files", path.Base(kind), limit)
}

// target returns the file that a relationship leads to, or "" for other types of relationships.
func target(token xml.Token, from, kind string) (string, error) {
	if _, ok := token.(xml.Directive); ok {
		return "", malformed("document types and entities are not allowed")
	}
	e, ok := token.(xml.StartElement)
	if !ok || e.Name.Local != "Relationship" {
		return "", nil
	}
	attributes := map[string]string{}
	for _, a := range e.Attr {
		attributes[a.Name.Local] = a.Value
	}
	name := attributes["Target"]
	if strings.EqualFold(attributes["TargetMode"], "External") || strings.Contains(name, ":") {
		return "", malformed("the relationship to %.100q is external, which is not allowed", name)
	}
	if !strings.HasSuffix(attributes["Type"], kind) {
		return "", nil
	}
	if !strings.HasPrefix(name, "/") {
		name = path.Join("/", path.Dir(from), name)
	}
	if strings.Contains(attributes["Target"], "..") {
		return "", malformed("the relationship to %.100q is not allowed", name)
	}
	return strings.TrimPrefix(path.Clean(name), "/"), nil
}
