// Command words searches comments, messages and documents for phrases that are
// not plain English. It reads the phrases, one regular expression per line, from
// phrases.txt, prints each match with its place, and exits with 1 if there is one.
//
//	words [FOLDER]...
package main

import (
	_ "embed"
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:embed phrases.txt
var list string

// skipped are folders without our own prose.
var skipped = []string{"testdata", "node_modules", "data", "bin", "notifications"}

func main() {
	folders := os.Args[1:]
	if len(folders) == 0 {
		folders = []string{"."}
	}
	phrases, err := compile(list)
	var matches []string
	for _, folder := range folders {
		if err == nil {
			var m []string
			m, err = searchFolder(folder, phrases)
			matches = append(matches, m...)
		}
	}
	for _, m := range matches {
		fmt.Println(m)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "words:", err)
		os.Exit(2)
	}
	if len(matches) > 0 {
		fmt.Fprintf(os.Stderr, "words: rewrite %d phrases; CONTRIBUTING.md has the rules, deploy/words/phrases.txt the list\n", len(matches))
		os.Exit(1)
	}
}

// searchFolder returns the matches in a folder or file.
func searchFolder(folder string, phrases []*regexp.Regexp) (matches []string, err error) {
	err = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(e.Name(), ".") && e.Name() != ".ci"
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != folder && (hidden || slices.Contains(skipped, e.Name())):
			return filepath.SkipDir
		case e.IsDir():
			return nil
		}
		content, err := os.ReadFile(path)
		if err == nil {
			matches = append(matches, search(path, content, phrases)...)
		}
		return err
	})
	return matches, err
}

// compile returns the expressions of a list. Blank lines and lines that start with
// # are ignored. Case is ignored too.
func compile(list string) ([]*regexp.Regexp, error) {
	var all []*regexp.Regexp
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		re, err := regexp.Compile("(?i)" + line)
		if err != nil {
			return nil, fmt.Errorf("phrases.txt: %w", err)
		}
		all = append(all, re)
	}
	return all, nil
}

// A passage is a piece of prose with its first line number.
type passage struct {
	line int
	text string
}

// search returns the matches in a file as path:line: phrase: text.
func search(path string, content []byte, phrases []*regexp.Regexp) (matches []string) {
	for _, t := range passages(path, content) {
		for _, re := range phrases {
			for _, at := range re.FindAllStringIndex(t.text, -1) {
				line := t.line + strings.Count(t.text[:at[0]], "\n")
				sentence, _, _ := strings.Cut(t.text[strings.LastIndexByte(t.text[:at[0]], '\n')+1:], "\n")
				matches = append(matches, fmt.Sprintf("%s:%d: %q in: %s", path, line, t.text[at[0]:at[1]], strings.TrimSpace(sentence)))
			}
		}
	}
	return matches
}

// passages returns the prose of a file: comments and sentences in strings of Go,
// comments of scripts and YAML, and documents without their code blocks.
func passages(path string, content []byte) []passage {
	switch ext := filepath.Ext(path); {
	case ext == ".go":
		return goPassages(content)
	case ext == ".md", ext == ".txt" && !strings.HasSuffix(path, "phrases.txt"), ext == ".html", ext == ".tmpl":
		return documentPassages(string(content))
	case ext == ".yml", ext == ".yaml", ext == ".sh", filepath.Base(path) == "Makefile", filepath.Base(path) == "Dockerfile", strings.HasPrefix(string(content), "#!"):
		return scriptPassages(string(content))
	}
	return nil
}

func goPassages(content []byte) (all []passage) {
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(content))
	var s scanner.Scanner
	s.Init(file, content, nil, scanner.ScanComments)
	for {
		pos, tok, literal := s.Scan()
		switch {
		case tok == token.EOF:
			return all
		case tok == token.COMMENT, tok == token.STRING && strings.Count(literal, " ") >= 2:
			all = append(all, passage{file.Line(pos), literal})
		}
	}
}

func documentPassages(content string) (all []passage) {
	code := false
	for i, line := range strings.Split(content, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
		} else if !code {
			all = append(all, passage{i + 1, line})
		}
	}
	return all
}

// comment is the comment of a line of a script, after its #.
var comment = regexp.MustCompile(`(?:^|\s)#+\s(.*)$`)

func scriptPassages(content string) (all []passage) {
	for i, line := range strings.Split(content, "\n") {
		if m := comment.FindStringSubmatch(line); m != nil {
			all = append(all, passage{i + 1, m[1]})
		}
	}
	return all
}
