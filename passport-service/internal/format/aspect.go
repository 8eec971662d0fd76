package format

import (
	"maps"
	"slices"
	"strings"
)

// aspects is a Mapping of documents with a member for each aspect of a battery. It also reads an aspect alone.
type aspects struct {
	*Mapping
	aspectsOf map[string][]string // by the name of a member
}

// NewAspects returns a model of documents with aspects. An aspect is the first step of the paths of a mapping.
func NewAspects(m *Mapping) Model {
	a := aspects{m, map[string][]string{}}
	for _, r := range m.rules {
		aspect, member := r.theirs[0].name, r.theirs[1].name
		if !slices.Contains(a.aspectsOf[member], aspect) {
			a.aspectsOf[member] = append(a.aspectsOf[member], aspect)
		}
	}
	return a
}

// For implements adaptive.
func (a aspects) For(document any) Model {
	members, _ := document.(map[string]any)
	counts := map[string]int{}
	for name := range members {
		for _, aspect := range a.aspectsOf[name] {
			counts[aspect]++
		}
	}
	best := ""
	for _, aspect := range slices.Sorted(maps.Keys(counts)) {
		if members[aspect] != nil {
			return a.Mapping
		}
		if counts[aspect] > counts[best] {
			best = aspect
		}
	}
	if best == "" {
		return a.Mapping
	}
	return aspect{a.Mapping, best}
}

// aspect is a model of an aspect alone.
type aspect struct {
	*Mapping
	name string
}

// Encode implements Model.
func (a aspect) Encode(ours any, header Header) (any, Reasons) {
	theirs, why := a.Mapping.Encode(ours, header)
	members, _ := theirs.(map[string]any)
	return members[a.name], why
}

// Decode implements Model.
func (a aspect) Decode(theirs any) (any, Reasons) {
	ours, why := a.Mapping.Decode(map[string]any{a.name: theirs})
	inAspect := Reasons{}
	for pointer, text := range why {
		inAspect[strings.TrimPrefix(pointer, "/"+a.name)] = text
	}
	return ours, inAspect
}
