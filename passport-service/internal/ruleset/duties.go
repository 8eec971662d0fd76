package ruleset

import (
	"fmt"
	"strings"
)

// truth is yes, no, or not known: the field that decides it is missing or wrong.
type truth int

const (
	unknown truth = iota
	no
	yes
)

// A condition tells whether a duty holds that hangs on other fields. Their
// names and meaning are in the catalogue (conditionRules).
type condition func(*Document) truth

var conditions = map[string]condition{
	"rechargeable": func(d *Document) truth { return d.flag("generalInformation.isRechargeable") },
	"cycleApplication": func(d *Document) truth {
		if d.flag("performanceAndDurability.isNonCycleApplication") == yes {
			return no
		}
		return d.flag("generalInformation.isRechargeable")
	},
	"hasBatteryManagementSystem": func(d *Document) truth { return d.flag("generalInformation.hasBatteryManagementSystem") },
	"secondLifeWithPredecessor":  func(d *Document) truth { return truthOf(d.status("repurposed", "remanufactured")) },
	"statusRemanufactured":       func(d *Document) truth { return truthOf(d.status("remanufactured")) },
	"statusWaste":                func(d *Document) truth { return truthOf(d.status("waste")) },
	"notExempt":                  func(d *Document) truth { return truthOf(!d.At("supplyChainDueDiligence.isExempt").True()) },
	"firstLife":                  func(d *Document) truth { return truthOf(!d.SecondLife()) },
}

func truthOf(is bool) truth {
	if is {
		return yes
	}
	return no
}

func (d *Document) flag(path string) truth {
	v := d.At(path)
	if !v.Sound() {
		return unknown
	}
	return truthOf(v.True())
}

func (d *Document) status(any ...string) bool {
	for _, status := range any {
		if d.At("generalInformation.batteryStatus").Is(status) {
			return true
		}
	}
	return false
}

// SecondLife tells whether the battery was prepared for re-use, repurposed or
// remanufactured from one that was on the market before (Articles 7(5), 8(4)).
func (d *Document) SecondLife() bool {
	return d.status("repurposed", "remanufactured") || d.status("re-used") && d.At("lifecycle.previousPassports").Len() > 0
}

// categoryPath is where a battery says which of the categories it is of.
const categoryPath = "generalInformation.batteryCategory"

// Categories returns the columns of the catalogue that the battery belongs to:
// both industrial ones while it does not say which, none without a category.
func (d *Document) Categories() []Category {
	switch category := d.At(categoryPath); {
	case category.Is("EV"):
		return []Category{EV}
	case category.Is("LMT"):
		return []Category{LMT}
	case !category.Is("Industrial"):
		return nil
	}
	switch kind := d.At("generalInformation.batterySubCategory"); {
	case kind.Is("stationaryStorage"):
		return []Category{Stationary}
	case kind.Is("otherIndustrial"):
		return []Category{Industrial}
	}
	return []Category{Industrial, Stationary}
}

// duty returns what is asked of an attribute on a day, given the categories:
// what is true in all of them.
func (d *Document) duty(a *Attribute, categories []Category, on Date) Duty {
	all := Duty("")
	for _, c := range categories {
		duty := a.dutyIn(c, on)
		if all != "" && all != duty {
			return Optional
		}
		all = duty
	}
	switch all {
	case Mandatory: // unless it is known that it is not
		if a.ConditionRule != "" && conditions[a.ConditionRule](d) == no {
			return Optional
		}
	case Conditional: // if it is known that it is
		if a.ConditionRule == "" || conditions[a.ConditionRule](d) != yes {
			return Recommended
		}
	}
	return all
}

func (a *Attribute) dutyIn(c Category, on Date) Duty {
	duty := a.RequiredFor[c]
	if from := a.AppliesFrom[c]; duty == Later && from != nil && *from <= on {
		return Mandatory
	}
	return duty
}

// Due is one attribute that has to be there, and whether it is.
type Due struct {
	Section string
	Value   Value // absent where it is missing
	Order   int   // of its place in the catalogue
}

// Check says everything that the catalogue alone finds wrong with the document
// on a day: structure, formats, counts and duties. It marks what is wrong, and
// returns what has to be there.
func (d *Document) Check(on Date) (wrong []Violation, due []Due) {
	c := dutyCheck{doc: d, categories: d.Categories(), on: on, wrong: d.wrong}
	c.formats()
	for _, section := range d.Rules.root.order {
		c.members(d.At(section.name), section, "/data/"+section.name)
	}
	return c.wrong, c.due
}

type dutyCheck struct {
	doc        *Document
	categories []Category
	on         Date
	wrong      []Violation
	due        []Due
}

func (c *dutyCheck) report(v Value, code, format string, args ...any) {
	v.Mark()
	c.add(Violation{Path: v.Path(), Code: code, Message: fmt.Sprintf(format, args...), Attribute: v.Attribute(), Order: v.Order()})
}

// MaxFindings is how many are told of one document. What has more is no
// passport, and telling all would cost more than it helps.
const MaxFindings = 10_000

func (c *dutyCheck) add(v Violation) {
	if len(c.wrong) < MaxFindings {
		c.wrong = append(c.wrong, v)
	}
}

// formats checks patterns and counts of what is there and sound so far.
func (c *dutyCheck) formats() {
	for at := range c.doc.values {
		v := Value{c.doc, int32(at)}
		p := v.get().place
		if p == nil || p.attribute == nil || !v.Sound() {
			continue
		}
		if text, ok := v.Text(); ok && p.pattern != nil && !p.pattern.MatchString(text) {
			c.report(v, "format", "is %q, and has to be: %s", text, p.attribute.Format)
		}
		if v.get().kind == '[' && (p.least > 0 || p.most >= 0) {
			c.count(v, p)
		}
	}
}

func (c *dutyCheck) count(v Value, p *place) {
	switch n := v.Len(); {
	case p.least == p.most && n != 0 && n != p.least:
		c.report(v, "required", "has %d entries, and needs all %d", n, p.least)
	case p.least != p.most && n < p.least:
		c.report(v, "required", "has %d entries, and needs at least %d", n, p.least)
	case p.most >= 0 && n > p.most:
		c.report(v, "range", "has %d entries, and may have %d", n, p.most)
	}
}

// members checks the duties of what is in a section or a container, which may
// be a section that is absent.
func (c *dutyCheck) members(in Value, p *place, path string) {
	if in.Here() && in.get().kind != '{' {
		return // something else stands there, and that is told
	}
	for _, member := range p.order {
		v := in.Member(member.name)
		c.one(v, in, member, path)
		if !v.Here() || member.members == nil {
			continue
		}
		if member.attribute.Type == Object {
			c.members(v, member, "")
			continue
		}
		for item := range v.Items() {
			c.members(item, member, "")
		}
	}
}

// one checks the duty of one attribute. The path of the section is given where
// the container may be absent.
func (c *dutyCheck) one(v, in Value, p *place, section string) {
	a := p.attribute
	duty := c.dutyOf(p)
	if section != "" && (duty == Mandatory || duty == Conditional) {
		c.due = append(c.due, Due{a.Section, v, p.id})
	}
	switch {
	case !v.Here() && (duty == Mandatory || duty == Conditional):
		if section == "" {
			section = in.Path()
		}
		c.add(Violation{Path: section + "/" + p.name, Code: "required", Message: c.missing(a), Attribute: a, Duty: duty, Order: p.id})
	case v.Here() && duty == NotApplicable:
		v.Mark()
		c.add(Violation{
			Path: v.Path(), Code: "notApplicable", Message: "does not apply to a battery of this category, and may not be given", Attribute: a, Duty: duty, Order: p.id,
		})
	case v.Here() && duty == Later:
		c.add(Violation{
			Path: v.Path(), Code: "notYetApplicable", Message: c.later(a), Attribute: a, Duty: duty, Order: p.id, Warning: true,
		})
	}
}

// dutyOf returns the duty of an attribute, or of a member that follows its
// container. Without a category only the category itself is known to be due.
func (c *dutyCheck) dutyOf(p *place) Duty {
	a := p.attribute
	switch {
	case a.Path == categoryPath && c.categories == nil:
		return Mandatory
	case a.RequiredFor != nil:
		return c.doc.duty(a, c.categories, c.on)
	case a.ConditionRule != "":
		if conditions[a.ConditionRule](c.doc) == yes {
			return Mandatory
		}
	case p.required:
		return Mandatory
	}
	return Optional
}

func (c *dutyCheck) missing(a *Attribute) string {
	text := "is missing; it is mandatory for a battery of the category " + c.category()
	switch {
	case a.Path == categoryPath:
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

// category is what the battery says that it is.
func (c *dutyCheck) category() string {
	text, _ := c.doc.At(categoryPath).Text()
	return text
}

func (c *dutyCheck) later(a *Attribute) string {
	for _, category := range c.categories {
		if from := a.AppliesFrom[category]; from != nil {
			return fmt.Sprintf("is kept, and not shown as a legal value before %s", *from)
		}
	}
	return "is kept, and not shown as a legal value before the act that it waits for applies"
}
