package compliance

import (
	"fmt"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// dueAttribute is a mandatory attribute.
type dueAttribute struct {
	attribute *ruleset.Attribute
	value     ruleset.Value // may be absent
}

// dutyCheck checks a document against the catalogue on a day: formats, counts and
// duties.
type dutyCheck struct {
	run        *Run
	doc        *ruleset.Document
	categories []ruleset.Category
	asOf       ruleset.Date
	due        []dueAttribute
}

// checkDuties reports all violations of the catalogue and returns the mandatory
// attributes.
func (r *Run) checkDuties() []dueAttribute {
	c := dutyCheck{run: r, doc: r.Doc, categories: categoriesOf(r.Doc), asOf: r.Input.AsOf}
	for _, v := range r.Doc.Violations() {
		r.addCatalogue(v, "", Error)
	}
	c.checkFormats()
	for _, section := range r.Doc.Rules.Sections() {
		c.checkMembers(r.Doc.First(section.Name), section, "/data/"+section.Name)
	}
	return c.due
}

// duty returns the duty that an attribute has in all categories of the battery,
// Optional if they differ.
func (c *dutyCheck) duty(a *ruleset.Attribute) ruleset.Duty {
	common := ruleset.Duty("")
	for _, category := range c.categories {
		duty := dutyIn(a, category, c.asOf)
		if common != "" && common != duty {
			return ruleset.Optional
		}
		common = duty
	}
	switch common {
	case ruleset.Mandatory: // unless its condition is false
		if a.ConditionRule != "" && conditions[a.ConditionRule].truth(c.doc) == no {
			return ruleset.Optional
		}
	case ruleset.Conditional: // only if its condition is true
		if a.ConditionRule == "" || conditions[a.ConditionRule].truth(c.doc) != yes {
			return ruleset.Recommended
		}
	}
	return common
}

func dutyIn(a *ruleset.Attribute, c ruleset.Category, asOf ruleset.Date) ruleset.Duty {
	duty := a.RequiredFor[c]
	if from := a.AppliesFrom[c]; duty == ruleset.Later && from != nil && *from <= asOf {
		return ruleset.Mandatory
	}
	return duty
}

// report adds an error at a value and invalidates the value.
func (c *dutyCheck) report(v ruleset.Value, duty ruleset.Duty, code, format string, args ...any) {
	v.Invalidate()
	c.add(v.Path(), v.Field(), duty, Error, code, fmt.Sprintf(format, args...))
}

func (c *dutyCheck) add(path string, f *ruleset.Field, duty ruleset.Duty, severity Severity, code, message string) {
	message = ruleset.FieldName(path) + " " + message
	c.run.addCatalogue(ruleset.Violation{Path: path, Code: code, Message: message, Attribute: f.Attribute, Position: f.Position}, duty, severity)
}

// checkFormats checks the patterns and counts of values that are valid so far.
func (c *dutyCheck) checkFormats() {
	for v := range c.doc.Values() {
		f := v.Field()
		if f == nil || f.Attribute == nil || !v.Valid() {
			continue
		}
		c.checkText(v, f)
		if v.IsArray() && (f.MinItems > 0 || f.MaxItems >= 0) {
			c.checkCount(v, f)
		}
	}
}

func (c *dutyCheck) checkCount(v ruleset.Value, f *ruleset.Field) {
	switch n := v.Len(); {
	case f.MinItems == f.MaxItems && n != 0 && n != f.MinItems:
		c.report(v, "", "required", "must have %d entries or none, got %d", f.MinItems, n)
	case f.MinItems != f.MaxItems && n < f.MinItems:
		c.report(v, "", "required", "must have %d or more entries, got %d", f.MinItems, n)
	case f.MaxItems >= 0 && n > f.MaxItems:
		c.report(v, "", "range", "must have at most %d entries, got %d", f.MaxItems, n)
	}
}

// checkMembers checks the duties of the members of a section or container. Only a
// section may be absent, and only for a section is its path given.
func (c *dutyCheck) checkMembers(container ruleset.Value, f *ruleset.Field, section string) {
	if container.Exists() && !container.IsObject() {
		return // its wrong type is reported already
	}
	for _, child := range f.Children {
		v := container.Member(child.Name)
		c.checkDuty(v, container, child, section)
		switch {
		case v.Exists() && child.Attribute.Type == ruleset.Object:
			c.checkMembers(v, child, "")
		case v.Exists() && child.Attribute.Type == ruleset.Objects:
			for item := range v.Children() {
				c.checkMembers(item, child, "")
			}
		}
	}
}

// checkDuty checks the duty of one attribute.
func (c *dutyCheck) checkDuty(v, container ruleset.Value, f *ruleset.Field, section string) {
	duty := c.dutyOf(f)
	mandatory := duty == ruleset.Mandatory || duty == ruleset.Conditional
	if section != "" && mandatory {
		c.due = append(c.due, dueAttribute{f.Attribute, v})
	}
	switch {
	case isMissing(v) && mandatory:
		if section == "" {
			section = container.Path()
		}
		is := "is missing"
		if v.Exists() {
			is = "is blank"
		}
		c.add(section+"/"+f.Name, f, duty, Error, "required", is+c.missing(f.Attribute))
	case v.Exists() && duty == ruleset.NotApplicable:
		c.report(v, duty, "notApplicable", "is not allowed for category %s", c.categoryName())
	case v.Exists() && isMissing(v):
		c.add(v.Path(), f, duty, Warning, "format", "is blank: leave it out, or give it a value")
	case mandatory && isOnlyPlaceholders(v):
		c.add(v.Path(), f, duty, Warning, "format", fmt.Sprintf("should have a value, got the placeholder %.40s", v.Raw()))
	case v.Exists() && duty == ruleset.Later:
		c.add(v.Path(), f, duty, Warning, "notYetApplicable", c.notYetMandatory(f.Attribute))
	}
}

// dutyOf returns the duty of an attribute or a member. Without a category, only the category
// itself is mandatory.
func (c *dutyCheck) dutyOf(f *ruleset.Field) ruleset.Duty {
	a := f.Attribute
	switch {
	case a.Path == category && c.categories == nil:
		return ruleset.Mandatory
	case a.RequiredFor != nil:
		return c.duty(a)
	case a.ConditionRule != "":
		if conditions[a.ConditionRule].truth(c.doc) == yes {
			return ruleset.Mandatory
		}
	case f.Required:
		return ruleset.Mandatory
	}
	return ruleset.Optional
}

// categoryName returns the category with the sub-category: Industrial
// (stationaryStorage).
func (c *dutyCheck) categoryName() string {
	name := textOf(c.doc.First(category))
	if sub := textOf(c.doc.First(subCategory)); sub != "" && name == "Industrial" {
		name += " (" + sub + ")"
	}
	return name
}

// missing returns the end of the message for a missing attribute: the reason why it is
// mandatory, and the values that it accepts.
func (c *dutyCheck) missing(a *ruleset.Attribute) string {
	reason, and := "mandatory for category "+c.categoryName(), " when "
	switch {
	case a.Path == category:
		reason = "the duties of all attributes depend on it"
	case a.Kind == "member" && a.RequiredFor == nil:
		container := a.Path[:strings.LastIndexByte(a.Path, '.')]
		name := container[strings.LastIndexByte(container, '.')+1:]
		reason, and = "mandatory when "+name+" is given", " and "
		if list, ok := strings.CutSuffix(name, "[]"); ok {
			reason, and = "mandatory in each entry of "+list, " when "
		}
	}
	if condition := c.doc.Rules.Condition(a.ConditionRule); condition != "" {
		reason += and + condition
	}
	return ": " + reason + "; expected " + a.Expected()
}

// notYetMandatory returns the message for an attribute that is not mandatory yet.
func (c *dutyCheck) notYetMandatory(a *ruleset.Attribute) string {
	start := "its legal act applies"
	for _, category := range c.categories {
		if from := a.AppliesFrom[category]; from != nil {
			start = string(*from)
			break
		}
	}
	return "is not mandatory before " + start + ": until then it is stored but not shown as a legal value"
}
