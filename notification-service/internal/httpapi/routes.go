// Package httpapi is the HTTP face of the notification-service.
package httpapi

import (
	"net/http"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
)

// What the API document says of the service.
const (
	Title       = "Notification Service"
	Description = "What happened to what is yours, and whether it reached you."
)

// API is what the operations need.
type API struct {
	Notifications *notification.Service
	Verifier      *token.Verifier
}

// Register adds the operations to r. It is their table of contents.
func (a *API) Register(r *rest.API) {
	user, admin := rest.SignedIn(a.Verifier.Require()), rest.SignedIn(a.Verifier.Require(auth.Admin))

	rest.Handle(r, "POST /api/notifications", admin, a.create, "createNotification", "Create a notification", rest.Status(http.StatusCreated),
		rest.Description("Mail goes to one recipient. Anything else without a recipient is put in the list of everybody; the answer is your own."))
	rest.Handle(r, "GET /api/notifications", user, a.list, "listNotifications", "List your notifications", rest.Description("The newest first."))
	rest.Handle(r, "GET /api/notifications/stats", user, a.stats, "countNotifications", "Count your notifications")
	rest.Handle(r, "PATCH /api/notifications/read", user, a.markAllRead, "markAllNotificationsRead", "Mark all your notifications as read")
	rest.Handle(r, "GET /api/notifications/{id}", user, a.get, "getNotification", "Get a notification")
	rest.Handle(r, "PATCH /api/notifications/{id}/read", user, a.markRead, "markNotificationRead", "Mark a notification as read")
	rest.Handle(r, "DELETE /api/notifications/{id}", user, a.delete, "deleteNotification", "Delete a notification", rest.Status(http.StatusNoContent))
}
