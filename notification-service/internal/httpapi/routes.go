// Package httpapi is the HTTP API of the notification-service.
package httpapi

import (
	_ "embed"
	"net/http"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
)

// examples are written by TestExamples of deploy/e2e, which executes them.
//
//go:embed examples.json
var examples []byte

// OpenAPI describes the service in its OpenAPI document.
var OpenAPI = rest.Document{
	Name: "Notification", Path: "/api/notifications", Title: "Notification Service",
	Description: "Notifications about your passports, documents and account, with the state of their delivery.",
	Tags: map[string]string{
		"notifications": "Notifications of the caller, and their settings.",
	},
	Examples: examples,
}

// API contains the operations and their dependencies.
type API struct {
	Notifications *notification.Service
	Verifier      *token.Verifier
}

// Register adds the operations to r.
func (a *API) Register(r *rest.API) {
	user, admin := rest.SignedIn(a.Verifier.Require()), rest.SignedIn(a.Verifier.Require(auth.Admin))

	rest.Handle(r, "POST /api/notifications", admin, a.create, "createNotification", "Create a notification", rest.Status(http.StatusCreated),
		rest.Description("The type email is sent to one recipient. Any other type without a recipient is sent to all users; the response is your own notification."))
	rest.Handle(r, "GET /api/notifications", user, a.list, "listNotifications", "List your notifications", rest.Description("Newest first."))
	rest.Handle(r, "GET /api/notifications/stats", user, a.stats, "countNotifications", "Count your notifications")
	rest.Handle(r, "GET /api/notifications/settings", user, a.settings, "getSettings", "Get your notification settings")
	rest.Handle(r, "PUT /api/notifications/settings", user, a.changeSettings, "changeSettings", "Change your notification settings",
		rest.Description("They also apply to mails that are not sent yet. Mails that an admin writes are always sent. Changes are in the audit."))
	rest.Handle(r, "GET /api/notifications/audit", admin, a.audit, "listNotificationAudit", "List audit entries of notifications",
		rest.Description("Notifications that admins have sent, and changes of mail settings, with one entry for each account and hour. byLink marks those made with the unsubscribe link of a mail. Newest first."))
	rest.Handle(r, "PATCH /api/notifications/read", user, a.markAllRead, "markAllNotificationsRead", "Mark all your notifications as read")
	rest.Handle(r, "GET /api/notifications/{id}", user, a.get, "getNotification", "Get a notification")
	rest.Handle(r, "PATCH /api/notifications/{id}/read", user, a.markRead, "markNotificationRead", "Mark a notification as read")
	rest.Handle(r, "DELETE /api/notifications/{id}", user, a.delete, "deleteNotification", "Delete a notification", rest.Status(http.StatusNoContent))
}
