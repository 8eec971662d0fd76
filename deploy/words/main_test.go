package main

import (
	"strings"
	"testing"
)

// TestSearch covers each kind of file: prose is searched, code is not.
func TestSearch(t *testing.T) {
	phrases, err := compile("# comment\n\nodd phrase\n")
	if err != nil || len(phrases) != 1 {
		t.Fatalf("compile returned %d phrases and %v, want 1", len(phrases), err)
	}
	for _, c := range []struct{ name, path, content, want string }{
		{"line comment", "a.go", "package a\n\n// an odd phrase\n", `a.go:3: "odd phrase" in: // an odd phrase`},
		{"block comment", "a.go", "/* first\nan ODD phrase */\npackage a", `a.go:2: "ODD phrase" in: an ODD phrase */`},
		{"sentence in a string", "a.go", "package a\nvar s = `an odd phrase`", "a.go:2: \"odd phrase\" in: `an odd phrase`"},
		{"short string", "a.go", `package a; var s = "odd phrase"`, ""},
		{"code", "a.go", "package a\nvar odd, phrase = 1, 2", ""},
		{"document", "a.md", "text\nodd phrase\n", `a.md:2: "odd phrase" in: odd phrase`},
		{"code block of a document", "a.md", "```sh\nodd phrase\n```\n", ""},
		{"YAML comment", "a.yml", "a: odd phrase\nb: 1 # odd phrase\n", `a.yml:2: "odd phrase" in: odd phrase`},
		{"script", ".ci/run", "#!/bin/sh\n# odd phrase\n", `.ci/run:2: "odd phrase" in: odd phrase`},
		{"other file", "a.json", `{"a":"an odd phrase"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(search(c.path, []byte(c.content), phrases), "\n"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestPhrasesCompile requires the list to be valid and not empty.
func TestPhrasesCompile(t *testing.T) {
	if phrases, err := compile(list); err != nil || len(phrases) < 10 {
		t.Errorf("got %d phrases and %v", len(phrases), err)
	}
}
