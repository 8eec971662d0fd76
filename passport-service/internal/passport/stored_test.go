package passport_test

import (
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func TestStoredForm(t *testing.T) {
	storetest.StoredForm(t, passport.Schema())
	storetest.StoredForm(t, passport.VersionSchema())
}
