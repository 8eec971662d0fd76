package boot

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
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
// one. It reports everything that is wrong, not the first.
func Load(cfg any) error {
	var errs []error
	add := func(err error) { // once, where several structs have the variable
		if err != nil && !slices.ContainsFunc(errs, func(e error) bool { return e.Error() == err.Error() }) {
			errs = append(errs, err)
		}
	}
	walk(reflect.ValueOf(cfg).Elem(), func(v reflect.Value, f reflect.StructField) {
		add(fill(v, f))
	}, func(v reflect.Value) {
		if c, ok := v.Addr().Interface().(interface{ Validate() error }); ok {
			add(c.Validate())
		}
	})
	return errors.Join(errs...)
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
func fill(v reflect.Value, f reflect.StructField) error {
	one := reflect.New(reflect.StructOf([]reflect.StructField{{Name: f.Name, Type: f.Type, Tag: f.Tag}}))
	if err := envconfig.Process("", one.Interface()); err != nil {
		p := &Problem{Variable: f.Tag.Get("envconfig"), Meaning: f.Tag.Get("desc"), Fault: "is not set"}
		if parse, ok := errors.AsType[*envconfig.ParseError](err); ok {
			p.Fault = fmt.Sprintf("%q is not right: %s", parse.Value, strings.TrimPrefix(parse.Err.Error(), "strconv."))
		}
		return p
	}
	v.Set(one.Elem().Field(0))
	return nil
}
