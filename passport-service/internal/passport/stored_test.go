package passport_test

import (
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func TestStoredForm(t *testing.T) {
	storetest.CheckStoredForm(t, passport.Schema())
	storetest.CheckStoredForm(t, passport.VersionSchema())
}
