package ownership_test

import (
	"testing"

	"github.com/battery-passport/suite/document-service/internal/ownership"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func TestStoredForm(t *testing.T) {
	storetest.CheckStoredForm(t, ownership.PassportSchema())
	storetest.CheckStoredForm(t, ownership.OrganisationSchema())
}
