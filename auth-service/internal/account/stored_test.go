package account_test

import (
	"testing"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func TestStoredForm(t *testing.T) {
	storetest.CheckStoredForm(t, account.Schema())
}
