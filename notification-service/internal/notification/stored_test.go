package notification_test

import (
	"testing"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func TestStoredForm(t *testing.T) {
	storetest.CheckStoredForm(t, notification.Schema())
	storetest.CheckStoredForm(t, notification.AccountSchema())
	storetest.CheckStoredForm(t, notification.OwnerSchema())
}
