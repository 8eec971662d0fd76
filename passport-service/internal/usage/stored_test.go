package usage_test

import (
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/usage"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func TestStoredForm(t *testing.T) { storetest.CheckStoredForm(t, usage.Schema()) }
