package httpapi

import (
	"context"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/rest"
)

// SettingsInput is the body of a change of settings.
type SettingsInput struct {
	Mail MailSettingsInput `json:"mail" doc:"which events are sent to you by mail; all events are in the list of notifications"`
}

// MailSettingsInput is notification.MailSettings in a request.
type MailSettingsInput notification.MailSettings

type settingsInput struct{ Body SettingsInput }

type settingsOutput struct{ Body notification.Settings }

func (a *API) settings(ctx context.Context, _ *struct{}) (*settingsOutput, error) {
	settings, err := a.Notifications.Settings(ctx)
	return &settingsOutput{settings}, err
}

func (a *API) changeSettings(ctx context.Context, in *settingsInput) (*settingsOutput, error) {
	settings := notification.Settings{Mail: notification.MailSettings(in.Body.Mail)}
	return &settingsOutput{settings}, a.Notifications.ChangeSettings(withOrigin(ctx), settings)
}

type auditInput struct {
	rest.Paging
	By     string              `query:"by" id:"true" doc:"only entries about requests of the account with this id"`
	Action notification.Action `query:"action" enum:"notificationSent,mailSettingsChanged" doc:"only entries with this action"`
}

// notificationAuditEntry names the schema of an entry in the OpenAPI document.
type notificationAuditEntry notification.AuditEntry

type auditOutput struct {
	Body rest.List[notificationAuditEntry]
}

func (a *API) audit(ctx context.Context, in *auditInput) (*auditOutput, error) {
	page, err := a.Notifications.ListAudit(ctx, notification.AuditFilter{By: in.By, Action: in.Action}, in.Cursor, in.Limit)
	out := &auditOutput{rest.List[notificationAuditEntry]{NextCursor: page.Next}}
	for _, row := range page.Rows {
		out.Body.Items = append(out.Body.Items, notificationAuditEntry(row.Doc))
	}
	return out, err
}

// withOrigin returns a context that carries the origin of the request, for the audit.
func withOrigin(ctx context.Context) context.Context {
	return notification.WithOrigin(ctx, notification.Origin{Address: rest.Address(ctx).String(), RequestID: rest.RequestID(ctx)})
}
