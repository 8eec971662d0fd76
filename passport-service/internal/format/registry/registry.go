// Package registry provides the formats of this build.
package registry

import (
	"errors"

	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/passport-service/internal/format/en18223"
	"github.com/battery-passport/suite/passport-service/internal/format/idta02035"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// Options are settings of formats.
type Options struct {
	LastUpdated bool // spelling of the header of EN 18223
}

// models make the models that need code in addition to a mapping, by the name of the format.
var models = map[string]func(*ruleset.RuleSet, *ruleset.DataModel, Options) (format.Model, error){
	"en18223":      newEN18223,
	"en18223-full": newEN18223,
	"idta-02035":   newIDTA02035,
}

// Embedded returns the formats of the newest rule set of this build.
func Embedded(o Options) (format.Registry, error) {
	sets := ruleset.Embedded()
	return New(sets[len(sets)-1], o)
}

// New compiles the formats of a rule set. The error joins all errors in their mapping.
func New(rules *ruleset.RuleSet, o Options) (format.Registry, error) {
	r := format.Registry{}
	var errs []error
	for i := range rules.Formats {
		f := &rules.Formats[i]
		newModel := models[f.Name]
		if newModel == nil {
			newModel = newMapping
		}
		m, err := newModel(rules, f, o)
		of, err2 := format.New(m, f)
		r[f.Name], errs = of, append(errs, err, err2)
	}
	return r, errors.Join(errs...)
}

func newMapping(rules *ruleset.RuleSet, f *ruleset.DataModel, _ Options) (format.Model, error) {
	m, err := format.NewMapping(rules, f.Mapping)
	if err != nil || !f.Aspects {
		return m, err
	}
	return format.NewAspects(m), nil
}

func newEN18223(rules *ruleset.RuleSet, f *ruleset.DataModel, o Options) (format.Model, error) {
	return en18223.NewModel(rules, f, en18223.Options{Full: f.Name == "en18223-full", LastUpdated: o.LastUpdated})
}

func newIDTA02035(rules *ruleset.RuleSet, f *ruleset.DataModel, _ Options) (format.Model, error) {
	return idta02035.NewModel(rules, f)
}
