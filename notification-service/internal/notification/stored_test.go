package notification_test

import (
	"testing"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func TestStoredForm(t *testing.T) {
	storetest.StoredForm(t, notification.Schema())
	storetest.StoredForm(t, notification.AccountSchema())
	storetest.StoredForm(t, notification.OwnerSchema())
}
