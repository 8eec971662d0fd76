package table

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// node is an object, an array or a value that columns describe.
type node struct {
	name     string // of a member
	index    int    // of an item of an array
	isArray  bool
	column   int // of a value; -1: none
	children []*node
}

// child returns the member with a name, which it adds if it is missing.
func (n *node) child(name string) *node {
	return n.find(func(c *node) bool { return c.name == name }, &node{name: name, column: -1})
}

// item returns the item with an index, which it adds if it is missing.
func (n *node) item(index int) *node {
	n.isArray = true
	c := n.find(func(c *node) bool { return c.index == index }, &node{index: index, column: -1})
	slices.SortFunc(n.children, func(a, b *node) int { return a.index - b.index })
	return c
}

func (n *node) find(is func(*node) bool, missing *node) *node {
	if i := slices.IndexFunc(n.children, is); i >= 0 {
		return n.children[i]
	}
	n.children = append(n.children, missing)
	return missing
}

// appendJSON appends the JSON of the node with the values of the columns. It appends
// nothing if all are empty.
func (n *node) appendJSON(out []byte, values []string) []byte {
	if n.column >= 0 {
		return append(out, values[n.column]...)
	}
	begin := len(out)
	open, end := byte('{'), byte('}')
	if n.isArray {
		open, end = '[', ']'
	}
	out = append(out, open)
	for _, c := range n.children {
		before := len(out)
		if before > begin+1 {
			out = append(out, ',')
		}
		if !n.isArray {
			out, _ = jsontext.AppendQuote(out, c.name) // names of the catalogue and languages are valid
			out = append(out, ':')
		}
		after := len(out)
		if out = c.appendJSON(out, values); len(out) == after {
			out = out[:before]
		}
	}
	if len(out) == begin+1 {
		return out[:begin]
	}
	return append(out, end)
}

// appendEmpty appends the JSON of nested objects. The innermost ones are empty.
func (n *node) appendEmpty(out []byte) []byte {
	out = append(out, '{')
	for i, c := range n.children {
		if i > 0 {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(out, c.name)
		out = c.appendEmpty(append(out, ':'))
	}
	return append(out, '}')
}
