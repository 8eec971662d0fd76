package boot

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// Environment says what a process runs for.
type Environment struct {
	Name string `envconfig:"APP_ENV" default:"development" desc:"development, test or production, which refuses secrets that begin with demo-; where it is not set NODE_ENV counts"`
}

const (
	production = "production"
	demo       = "demo-" // begins the secrets that docker-compose.yml is published with
)

// Validate returns what is wrong with e.
func (e Environment) Validate() error {
	if !slices.Contains([]string{"development", "test", production}, e.Name) {
		return errors.New("  APP_ENV: has to be development, test or production")
	}
	return nil
}

// Load fills the struct that cfg points to from the environment, by the tags
// of envconfig, and calls the Validate method of each struct in it that has
// one. In production it refuses what is tagged secret:"true" and holds a demo
// secret. It reports everything that is wrong, each variable once.
func Load(cfg any) error {
	var errs []error
	reported := map[string]bool{}
	report := func(err error) {
		variable, _, _ := strings.Cut(strings.TrimSpace(err.Error()), ":")
		if !reported[variable] {
			reported[variable] = true
			errs = append(errs, err)
		}
	}
	name, ok := os.LookupEnv("APP_ENV")
	if !ok {
		name = os.Getenv("NODE_ENV")
	}
	walk(reflect.ValueOf(cfg).Elem(), func(v reflect.Value, f reflect.StructField) {
		if err := fill(v, f); err != nil {
			report(err)
		}
		if s := v.String(); name == production && f.Tag.Get("secret") != "" && (strings.HasPrefix(s, demo) || strings.Contains(s, ":"+demo)) {
			report(fmt.Errorf("  %s: holds a demo secret, which everybody knows; set one of your own", f.Tag.Get("envconfig")))
		}
	}, func(v reflect.Value) {
		if c, ok := v.Addr().Interface().(interface{ Validate() error }); ok {
			for _, err := range flatten(c.Validate()) {
				report(err)
			}
		}
	})
	return errors.Join(errs...)
}

// flatten undoes errors.Join.
func flatten(err error) (all []error) {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	for _, e := range joined.Unwrap() {
		all = append(all, flatten(e)...)
	}
	return all
}

// Variables returns the fields of a configuration that are variables.
func Variables(cfg any) []reflect.StructField {
	var fields []reflect.StructField
	walk(reflect.ValueOf(cfg).Elem(), func(_ reflect.Value, f reflect.StructField) { fields = append(fields, f) }, func(reflect.Value) {})
	return fields
}

// walk visits the variables of a struct, which are the fields with an envconfig
// tag, and of the structs in it.
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
		problem := "is not set"
		if parse, ok := errors.AsType[*envconfig.ParseError](err); ok {
			problem = fmt.Sprintf("%q is not right: %s", parse.Value, reason(parse.Err, f.Type))
		}
		return fmt.Errorf("  %s: %s\n    (%s)", f.Tag.Get("envconfig"), problem, f.Tag.Get("desc"))
	}
	v.Set(one.Elem().Field(0))
	return nil
}

// reason says why a value was refused, without the words of package strconv.
func reason(err error, t reflect.Type) string {
	switch {
	case errors.Is(err, strconv.ErrSyntax) && t.Kind() == reflect.Bool:
		return "must be true or false"
	case errors.Is(err, strconv.ErrSyntax):
		return "is no number"
	case errors.Is(err, strconv.ErrRange):
		return "is too large"
	}
	return err.Error()
}
