package notification_test

import (
	"testing"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func TestStoredForm(t *testing.T) {
	storetest.StoredForm(t, notification.Kind())
	storetest.StoredForm(t, notification.PersonKind())
	storetest.StoredForm(t, notification.SubjectKind())
}
