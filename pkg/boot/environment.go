package boot

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
)

// Environment says what a process runs for.
type Environment struct {
	Name string `envconfig:"APP_ENV" default:"development" desc:"development, test or production, which refuses secrets that begin with demo-; where it is not set NODE_ENV counts"`
}

const production = "production"

// Validate tells what is wrong with e.
func (e Environment) Validate() error {
	if !slices.Contains([]string{"development", "test", production}, e.Name) {
		return errors.New("  APP_ENV: has to be development, test or production")
	}
	return nil
}

// inProduction tells whether demo secrets are refused.
func inProduction() bool {
	name, ok := os.LookupEnv("APP_ENV")
	if !ok {
		name = os.Getenv("NODE_ENV")
	}
	return name == production
}

// demo is how the secrets begin that docker-compose.yml is published with.
const demo = "demo-"

// known fails for a secret that everybody knows, by itself or as the password
// in a URL.
func known(v reflect.Value, f reflect.StructField) error {
	if f.Tag.Get("secret") == "" || !strings.HasPrefix(v.String(), demo) && !strings.Contains(v.String(), ":"+demo) {
		return nil
	}
	return fmt.Errorf("  %s: holds a demo secret, which everybody knows; set one of your own", f.Tag.Get("envconfig"))
}
