package passport

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/wire"
)

// Change is one place at which two versions differ. Old or New is nil where
// there is no value.
type Change struct {
	Path     string // JSON Pointer from the root of the body
	Old, New wire.Value
}

// Diff is what changed between two versions.
type Diff struct {
	PassportID string
	From, To   int64
	Changes    []Change // in the order of their paths
}

// Diff returns what changed from one version of a passport to another, which
// may be older, as far as the caller reads it: 0 stands for the newest, and for
// the one before that. It fails with fault.NotFound where there is no such
// version.
func (s *Service) Diff(ctx context.Context, id string, from, to int64) (Diff, error) {
	p, view, err := s.findHistory(ctx, id)
	if err != nil {
		return Diff{}, err
	}
	if to == 0 {
		to = p.Head.Number
	}
	if from == 0 {
		from = max(to-1, 1)
	}
	before, err := s.versionFor(ctx, &p, view, from)
	if err != nil {
		return Diff{}, err
	}
	after, err := s.versionFor(ctx, &p, view, to)
	if err != nil {
		return Diff{}, err
	}
	d := Diff{PassportID: p.ID, From: from, To: to}
	d.compare("/data", s.rules().Project(before.Data, view.Classes), s.rules().Project(after.Data, view.Classes))
	return d, nil
}

// compare goes into objects by their names, and into arrays by their indexes.
func (d *Diff) compare(path string, before, after wire.Value) {
	if string(before) == string(after) {
		return
	}
	olds, news := parts(before), parts(after)
	if olds == nil || news == nil || before.Kind() != after.Kind() {
		d.Changes = append(d.Changes, Change{path, before, after})
		return
	}
	for _, name := range names(before.Kind(), olds, news) {
		d.compare(path+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), olds[name], news[name])
	}
}

// parts are the members of an object, or the items of an array by their index.
func parts(v wire.Value) map[string]wire.Value {
	if v == nil || v.Kind() != '[' {
		return members(v)
	}
	var items []wire.Value
	if wire.Unmarshal(v, &items) != nil {
		return nil
	}
	m := map[string]wire.Value{}
	for i, item := range items {
		m[strconv.Itoa(i)] = item
	}
	return m
}

func names(kind jsontext.Kind, olds, news map[string]wire.Value) []string {
	if kind == '[' {
		list := make([]string, max(len(olds), len(news)))
		for i := range list {
			list[i] = strconv.Itoa(i)
		}
		return list
	}
	all := maps.Clone(news)
	maps.Copy(all, olds)
	return slices.Sorted(maps.Keys(all))
}
