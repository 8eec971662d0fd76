package boot

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// A Problem is a variable that is missing or wrong.
type Problem struct {
	Variable string
	Meaning  string // its desc tag
	Fault    string
}

func (p *Problem) Error() string {
	return fmt.Sprintf("  %s: %s\n    (%s)", p.Variable, p.Fault, p.Meaning)
}

// Load fills the struct that cfg points to from the environment, by the tags
// of envconfig, and calls the Validate method of each struct in it that has
// one. In production it refuses what is tagged secret:"true" and holds a demo
// secret. It reports everything that is wrong, not the first.
func Load(cfg any) error {
	var errs []error
	told, refuseDemo := map[string]bool{}, inProduction()
	walk(reflect.ValueOf(cfg).Elem(), func(v reflect.Value, f reflect.StructField) {
		if p := fill(v, f); p != nil && !told[p.Variable] {
			told[p.Variable] = true
			errs = append(errs, p)
		}
		if err := known(v, f); err != nil && refuseDemo {
			errs = tell(errs, told, err)
		}
	}, func(v reflect.Value) {
		if c, ok := v.Addr().Interface().(interface{ Validate() error }); ok {
			for _, err := range each(c.Validate()) {
				errs = tell(errs, told, err)
			}
		}
	})
	return errors.Join(errs...)
}

// tell adds what Validate found of a variable, unless it was told of already:
// by another struct that has it, or because it could not be read.
func tell(errs []error, told map[string]bool, err error) []error {
	variable, _, _ := strings.Cut(strings.TrimSpace(err.Error()), ":")
	if told[variable] {
		return errs
	}
	told[variable] = true
	return append(errs, err)
}

// each takes apart what errors.Join joined.
func each(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, each(e)...)
	}
	return all
}

// Variables returns the fields of a configuration that are variables.
func Variables(cfg any) []reflect.StructField {
	var fields []reflect.StructField
	walk(reflect.ValueOf(cfg).Elem(), func(_ reflect.Value, f reflect.StructField) { fields = append(fields, f) }, func(reflect.Value) {})
	return fields
}

// walk goes through a struct and the structs in it: a variable is a field with
// an envconfig tag.
func walk(v reflect.Value, variable func(reflect.Value, reflect.StructField), done func(reflect.Value)) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch {
		case f.Tag.Get("envconfig") != "":
			variable(v.Field(i), f)
		case f.Type.Kind() == reflect.Struct && f.IsExported():
			walk(v.Field(i), variable, done)
		}
	}
	done(v)
}

// fill has envconfig fill one field, in a struct of its own: it stops at the
// first error of a struct.
func fill(v reflect.Value, f reflect.StructField) *Problem {
	one := reflect.New(reflect.StructOf([]reflect.StructField{{Name: f.Name, Type: f.Type, Tag: f.Tag}}))
	if err := envconfig.Process("", one.Interface()); err != nil {
		p := &Problem{Variable: f.Tag.Get("envconfig"), Meaning: f.Tag.Get("desc"), Fault: "is not set"}
		if parse, ok := errors.AsType[*envconfig.ParseError](err); ok {
			p.Fault = fmt.Sprintf("%q is not right: %s", parse.Value, reason(parse.Err, f.Type))
		}
		return p
	}
	v.Set(one.Elem().Field(0))
	return nil
}

// reason says why a value was refused, without the words of package strconv.
func reason(err error, t reflect.Type) string {
	switch {
	case errors.Is(err, strconv.ErrSyntax) && t.Kind() == reflect.Bool:
		return "has to be true or false"
	case errors.Is(err, strconv.ErrSyntax):
		return "is no number"
	case errors.Is(err, strconv.ErrRange):
		return "is too large"
	}
	return err.Error()
}
