package document_test

import (
	"testing"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func TestStoredForm(t *testing.T) {
	storetest.CheckStoredForm(t, document.DocumentSchema())
	storetest.CheckStoredForm(t, document.KeyPrefixSchema())
	storetest.CheckStoredForm(t, document.UsageSchema())
}
