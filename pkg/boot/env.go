package boot

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"
)

// Environment is the environment that a process runs in.
type Environment struct {
	Name string `envconfig:"APP_ENV" default:"development" desc:"Environment: development, test or production. Production refuses secrets that begin with demo-. Without it, NODE_ENV is used."`
}

const (
	production = "production"
	demo       = "demo-" // prefix of the public secrets in docker-compose.yml
)

// Validate returns an error if the name is unknown.
func (e Environment) Validate() error {
	if !slices.Contains([]string{"development", "test", production}, e.Name) {
		return fmt.Errorf("  APP_ENV: must be development, test or production, got %q", e.Name)
	}
	return nil
}

// IsProduction reports whether the process runs in production.
func IsProduction() bool {
	name, ok := os.LookupEnv("APP_ENV")
	if !ok {
		name = os.Getenv("NODE_ENV")
	}
	return name == production
}

// Load fills the struct that cfg points to from the environment, using envconfig
// tags. It refuses numbers and durations below the tag min and, in production, demo
// secrets in fields tagged secret:"true", and calls the Validate method of each nested
// struct that has one. The error names each invalid variable once.
func Load(cfg any) error {
	var errs []error
	isProduction := IsProduction()
	reported := map[string]bool{}
	report := func(err error) {
		variable, _, _ := strings.Cut(strings.TrimSpace(err.Error()), ":")
		if !reported[variable] {
			reported[variable] = true
			errs = append(errs, err)
		}
	}
	walk(reflect.ValueOf(cfg).Elem(), func(v reflect.Value, f reflect.StructField) {
		if err := fill(v, f); err != nil {
			report(err)
		}
		if s := v.String(); isProduction && f.Tag.Get("secret") != "" && (strings.HasPrefix(s, demo) || strings.Contains(s, ":"+demo)) {
			report(fmt.Errorf("  %s: contains a demo secret, which is public; set your own", f.Tag.Get("envconfig")))
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

// flatten returns the errors that were combined by errors.Join.
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

// Variables returns the fields of a configuration that are set by environment
// variables.
func Variables(cfg any) []reflect.StructField {
	var fields []reflect.StructField
	walk(reflect.ValueOf(cfg).Elem(), func(_ reflect.Value, f reflect.StructField) { fields = append(fields, f) }, func(reflect.Value) {})
	return fields
}

// walk calls variable for each field with an envconfig tag, including those of nested structs,
// and done for each struct after its fields.
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

// fill sets one field. It passes envconfig a struct with that field only, because
// envconfig stops at the first error.
func fill(v reflect.Value, f reflect.StructField) error {
	one := reflect.New(reflect.StructOf([]reflect.StructField{{Name: f.Name, Type: f.Type, Tag: f.Tag}}))
	if err := envconfig.Process("", one.Interface()); err != nil {
		problem := "is not set"
		if parse, ok := errors.AsType[*envconfig.ParseError](err); ok {
			problem = fmt.Sprintf("%s, got %q", reason(parse.Err, f.Type), parse.Value)
		}
		return fmt.Errorf("  %s: %s\n    (%s)", f.Tag.Get("envconfig"), problem, f.Tag.Get("desc"))
	}
	v.Set(one.Elem().Field(0))
	if least, err := strconv.ParseInt(f.Tag.Get("min"), 10, 64); err == nil && v.Int() < least {
		return fmt.Errorf("  %s: must be at least %d, got %v", f.Tag.Get("envconfig"), least, v.Interface())
	}
	return nil
}

// reason returns why a value was refused, in plain words instead of those of strconv.
func reason(err error, t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[slog.Level]():
		return "must be debug, info, warn or error"
	case t == reflect.TypeFor[time.Duration]():
		return "must be a duration such as 90s or 1h30m"
	case errors.Is(err, strconv.ErrSyntax) && t.Kind() == reflect.Bool:
		return "must be true or false"
	case errors.Is(err, strconv.ErrSyntax):
		return "must be a number"
	case errors.Is(err, strconv.ErrRange):
		return "is out of range"
	}
	return err.Error()
}
