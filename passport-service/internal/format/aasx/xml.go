package aasx

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/battery-passport/suite/pkg/fault"
)

// Limits of an environment in XML.
const (
	maxXML   = 8 << 20 // bytes
	maxDepth = 200     // of elements
)

// lists are the elements whose children are items.
var lists = []string{
	"assetAdministrationShells", "submodels", "conceptDescriptions", "submodelElements", "keys", "supplementalSemanticIds", "qualifiers", "extensions",
	"description", "displayName", "specificAssetIds", "embeddedDataSpecifications", "isCaseOf", "refersTo", "annotations", "statements", "inputVariables",
	"outputVariables", "inoutputVariables", "valueReferencePairs", "preferredName", "shortName", "definition",
}

// parents have a list in their element value.
var parents = []string{"submodelElementCollection", "submodelElementList", "multiLanguageProperty"}

// untyped are items without a modelType.
var untyped = []string{"reference", "key", "qualifier", "extension", "specificAssetId", "embeddedDataSpecification", "operationVariable", "valueReferencePair"}

// ToJSON converts an environment from the XML of AAS 3.x to JSON of at most limit bytes. It fails with fault.Malformed
// or fault.TooLarge.
func ToJSON(r io.Reader, limit int) ([]byte, error) {
	c := &converter{xml: xml.NewDecoder(io.LimitReader(r, maxXML)), limit: limit}
	root, _, err := c.next()
	if err == nil && (root == nil || root.Name.Local != "environment") {
		err = malformed("its root element must be environment: save packages of AAS 1.0 and 2.0 (aasenv) in the format of AAS 3")
	}
	var child *xml.StartElement
	if err == nil {
		child, _, err = c.next()
	}
	if err == nil {
		err = c.children(child, "environment", '{', '}', "")
	}
	return c.out.Bytes(), c.fault(err)
}

type converter struct {
	xml   *xml.Decoder
	out   bytes.Buffer
	limit int
	depth int
}

func (c *converter) fault(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); err == nil || ok {
		return err
	}
	if c.xml.InputOffset() >= maxXML {
		return fault.New(fault.TooLarge, "an environment in XML must not be larger than %d bytes", maxXML)
	}
	return malformed("its XML is not valid: %v", err)
}

// next returns the next start of an element, or nil at the end of the current one, with the text before that.
func (c *converter) next() (*xml.StartElement, string, error) {
	var text strings.Builder
	for {
		token, err := c.xml.Token()
		if err != nil {
			return nil, "", err
		}
		switch token := token.(type) {
		case xml.Directive:
			return nil, "", malformed("document types and entities are not allowed")
		case xml.CharData:
			text.Write(token)
		case xml.StartElement:
			return &token, "", nil
		case xml.EndElement:
			return nil, text.String(), nil
		}
	}
}

// element writes the value of an element whose start has been read. An item has the modelType of its element.
func (c *converter) element(e xml.StartElement, parent string, item bool) error {
	if c.depth++; c.depth > maxDepth {
		return malformed("its elements are nested more than %d times", maxDepth)
	}
	defer func() { c.depth-- }()
	name := e.Name.Local
	child, text, err := c.next()
	if err != nil {
		return err
	}
	isList := name == "value" && slices.Contains(parents, parent) || name != "value" && slices.Contains(lists, name)
	switch {
	case isList:
		return c.children(child, name, '[', ']', "")
	case item && !slices.Contains(untyped, name) && !strings.HasPrefix(name, "langString"):
		return c.children(child, name, '{', '}', `"modelType":"`+strings.ToUpper(name[:1])+name[1:]+`"`)
	case child != nil || item:
		return c.children(child, name, '{', '}', "")
	}
	return c.write(text)
}

// children writes the children of an element as an object or array that begins with a member.
func (c *converter) children(child *xml.StartElement, name string, opening, closing byte, first string) error {
	c.out.WriteByte(opening)
	c.out.WriteString(first)
	for n := 0; child != nil; n++ {
		if n > 0 || first != "" {
			c.out.WriteByte(',')
		}
		if opening == '{' {
			if err := c.write(child.Name.Local); err != nil {
				return err
			}
			c.out.WriteByte(':')
		}
		if err := c.element(*child, name, opening == '['); err != nil {
			return err
		}
		var err error
		if child, _, err = c.next(); err != nil {
			return err
		}
	}
	c.out.WriteByte(closing)
	return nil
}

func (c *converter) write(text string) error {
	if c.out.Len()+len(text) > c.limit {
		return fault.New(fault.TooLarge, "an environment must not be larger than %d bytes", c.limit)
	}
	quoted, err := json.Marshal(text)
	c.out.Write(quoted)
	return err
}
