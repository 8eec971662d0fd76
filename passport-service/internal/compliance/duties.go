package compliance

import (
	"fmt"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// truth is yes, no, or not known: the field that decides it is missing or wrong.
type truth int

const (
	unknown truth = iota
	no
	yes
)

// conditions decide whether a duty that depends on other fields applies. Their
// names and meanings are in the catalogue (conditionRules).
var conditions = map[string]func(*ruleset.Document) truth{
	"rechargeable": func(d *ruleset.Document) truth { return flag(d, "generalInformation.isRechargeable") },
	"cycleApplication": func(d *ruleset.Document) truth {
		if flag(d, "performanceAndDurability.isNonCycleApplication") == yes {
			return no
		}
		return flag(d, "generalInformation.isRechargeable")
	},
	"hasBatteryManagementSystem": func(d *ruleset.Document) truth { return flag(d, "generalInformation.hasBatteryManagementSystem") },
	"secondLifeWithPredecessor":  func(d *ruleset.Document) truth { return truthOf(hasStatus(d, "repurposed", "remanufactured")) },
	"statusRemanufactured":       func(d *ruleset.Document) truth { return truthOf(hasStatus(d, "remanufactured")) },
	"statusWaste":                func(d *ruleset.Document) truth { return truthOf(hasStatus(d, "waste")) },
	"notExempt":                  func(d *ruleset.Document) truth { return truthOf(!d.First("supplyChainDueDiligence.isExempt").True()) },
	"firstLife":                  func(d *ruleset.Document) truth { return truthOf(!secondLife(d)) },
}

func truthOf(is bool) truth {
	if is {
		return yes
	}
	return no
}

func flag(d *ruleset.Document, path string) truth {
	v := d.First(path)
	if !v.Valid() {
		return unknown
	}
	return truthOf(v.True())
}

func hasStatus(d *ruleset.Document, any ...string) bool {
	for _, status := range any {
		if d.First("generalInformation.batteryStatus").Is(status) {
			return true
		}
	}
	return false
}

// secondLife reports whether the battery was prepared for re-use, repurposed or
// remanufactured from one that was on the market before (Articles 7(5), 8(4)).
func secondLife(d *ruleset.Document) bool {
	return hasStatus(d, "repurposed", "remanufactured") || hasStatus(d, "re-used") && d.First(predecessors).Len() > 0
}

// categoriesOf returns the columns of the catalogue that the battery belongs to:
// both industrial ones while it does not say which, none without a category.
func categoriesOf(d *ruleset.Document) []ruleset.Category {
	switch of := d.First(category); {
	case of.Is("EV"):
		return []ruleset.Category{ruleset.EV}
	case of.Is("LMT"):
		return []ruleset.Category{ruleset.LMT}
	case !of.Is("Industrial"):
		return nil
	}
	switch kind := d.First(subCategory); {
	case kind.Is("stationaryStorage"):
		return []ruleset.Category{ruleset.Stationary}
	case kind.Is("otherIndustrial"):
		return []ruleset.Category{ruleset.Industrial}
	}
	return []ruleset.Category{ruleset.Industrial, ruleset.Stationary}
}

// dueAttribute is an attribute that must be there.
type dueAttribute struct {
	attribute *ruleset.Attribute
	value     ruleset.Value // absent where it is missing
}

// dutyCheck checks what the catalogue alone says of a document on a day:
// formats, counts and duties.
type dutyCheck struct {
	run        *Run
	doc        *ruleset.Document
	categories []ruleset.Category
	on         ruleset.Date
	due        []dueAttribute
}

// checkDuties reports everything that the catalogue alone finds wrong, and
// returns what must be there.
func (r *Run) checkDuties() []dueAttribute {
	c := dutyCheck{run: r, doc: r.Doc, categories: categoriesOf(r.Doc), on: r.In.AsOf}
	for _, v := range r.Doc.Violations() {
		r.addCatalogue(v, "", Error)
	}
	c.formats()
	for _, section := range r.Doc.Rules.Sections() {
		c.members(r.Doc.First(section.Name), section, "/data/"+section.Name)
	}
	return c.due
}

// duty returns what the catalogue asks of an attribute, given the categories:
// what is true in all of them.
func (c *dutyCheck) duty(a *ruleset.Attribute) ruleset.Duty {
	all := ruleset.Duty("")
	for _, category := range c.categories {
		duty := dutyIn(a, category, c.on)
		if all != "" && all != duty {
			return ruleset.Optional
		}
		all = duty
	}
	switch all {
	case ruleset.Mandatory: // unless it is known that it is not
		if a.ConditionRule != "" && conditions[a.ConditionRule](c.doc) == no {
			return ruleset.Optional
		}
	case ruleset.Conditional: // if it is known that it is
		if a.ConditionRule == "" || conditions[a.ConditionRule](c.doc) != yes {
			return ruleset.Recommended
		}
	}
	return all
}

func dutyIn(a *ruleset.Attribute, c ruleset.Category, on ruleset.Date) ruleset.Duty {
	duty := a.RequiredFor[c]
	if from := a.AppliesFrom[c]; duty == ruleset.Later && from != nil && *from <= on {
		return ruleset.Mandatory
	}
	return duty
}

func (c *dutyCheck) report(v ruleset.Value, code, format string, args ...any) {
	v.Invalidate()
	c.add(v, code, "", Error, fmt.Sprintf(format, args...))
}

func (c *dutyCheck) add(v ruleset.Value, code string, duty ruleset.Duty, severity Severity, message string) {
	c.run.addCatalogue(ruleset.Violation{Path: v.Path(), Code: code, Message: message, Attribute: v.Attribute(), Position: v.Position()}, duty, severity)
}

// formats checks patterns and counts of what is there and valid so far.
func (c *dutyCheck) formats() {
	for v := range c.doc.Values() {
		n := v.Node()
		if n == nil || n.Attribute == nil || !v.Valid() {
			continue
		}
		if text, ok := v.Text(); ok && n.Pattern != nil && !n.Pattern.MatchString(text) {
			c.report(v, "format", "is %q, and has to be: %s", text, n.Attribute.Format)
		}
		if v.IsArray() && (n.MinItems > 0 || n.MaxItems >= 0) {
			c.count(v, n)
		}
	}
}

func (c *dutyCheck) count(v ruleset.Value, n *ruleset.Node) {
	switch items := v.Len(); {
	case n.MinItems == n.MaxItems && items != 0 && items != n.MinItems:
		c.report(v, "required", "has %d entries, and needs all %d", items, n.MinItems)
	case n.MinItems != n.MaxItems && items < n.MinItems:
		c.report(v, "required", "has %d entries, and needs at least %d", items, n.MinItems)
	case n.MaxItems >= 0 && items > n.MaxItems:
		c.report(v, "range", "has %d entries, and may have %d", items, n.MaxItems)
	}
}

// members checks the duties of what is in a section or a container, which may
// be a section that is absent.
func (c *dutyCheck) members(in ruleset.Value, n *ruleset.Node, path string) {
	if in.Exists() && !in.IsObject() {
		return // it is of the wrong type, which is reported
	}
	for _, child := range n.Children {
		v := in.Member(child.Name)
		c.one(v, in, child, path)
		if !v.Exists() || child.Attribute.Type != ruleset.Object && child.Attribute.Type != ruleset.Objects {
			continue
		}
		if child.Attribute.Type == ruleset.Object {
			c.members(v, child, "")
			continue
		}
		for item := range v.Children() {
			c.members(item, child, "")
		}
	}
}

// one checks the duty of one attribute. The path of the section is given where
// the container may be absent.
func (c *dutyCheck) one(v, in ruleset.Value, n *ruleset.Node, section string) {
	a := n.Attribute
	duty := c.dutyOf(n)
	mandatory := duty == ruleset.Mandatory || duty == ruleset.Conditional
	if section != "" && mandatory {
		c.due = append(c.due, dueAttribute{a, v})
	}
	switch {
	case !v.Exists() && mandatory:
		if section == "" {
			section = in.Path()
		}
		c.run.addCatalogue(ruleset.Violation{Path: section + "/" + n.Name, Code: "required", Message: c.missing(a), Attribute: a, Position: n.Position}, duty, Error)
	case v.Exists() && duty == ruleset.NotApplicable:
		v.Invalidate()
		c.add(v, "notApplicable", duty, Error, "does not apply to a battery of this category, and may not be given")
	case v.Exists() && duty == ruleset.Later:
		c.add(v, "notYetApplicable", duty, Warning, c.later(a))
	}
}

// dutyOf returns the duty of an attribute, or of a member that follows its
// container. Without a category only the category itself is known to be due.
func (c *dutyCheck) dutyOf(n *ruleset.Node) ruleset.Duty {
	a := n.Attribute
	switch {
	case a.Path == category && c.categories == nil:
		return ruleset.Mandatory
	case a.RequiredFor != nil:
		return c.duty(a)
	case a.ConditionRule != "":
		if conditions[a.ConditionRule](c.doc) == yes {
			return ruleset.Mandatory
		}
	case n.Required:
		return ruleset.Mandatory
	}
	return ruleset.Optional
}

func (c *dutyCheck) missing(a *ruleset.Attribute) string {
	text := "is missing; it is mandatory for a battery of the category " + textOf(c.doc.First(category))
	switch {
	case a.Path == category:
		text = "is missing; what else is mandatory depends on it"
	case a.Kind == "member" && a.RequiredFor == nil:
		container, _ := c.doc.Rules.Attribute(strings.TrimSuffix(a.Path[:strings.LastIndexByte(a.Path, '.')], "[]"))
		text = "is missing; " + container.Label() + " needs it"
	}
	var expected []string
	if a.Format != "" {
		expected = append(expected, a.Format)
	}
	if a.Unit != "" {
		expected = append(expected, "in "+a.Unit)
	}
	if expected != nil {
		text += " (expected: " + strings.Join(expected, ", ") + ")"
	}
	return text
}

func (c *dutyCheck) later(a *ruleset.Attribute) string {
	for _, of := range c.categories {
		if from := a.AppliesFrom[of]; from != nil {
			return fmt.Sprintf("is kept, and not shown as a legal value before %s", *from)
		}
	}
	return "is kept, and not shown as a legal value before the act that it waits for applies"
}
