package notification

import (
	"cmp"
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Action is the kind of an audit entry.
type Action string

// The actions.
const (
	NotificationSent    Action = "notificationSent"
	MailSettingsChanged Action = "mailSettingsChanged"
)

// AuditEntry records that an admin has sent a notification, or that an account has changed its
// mail settings in an hour.
type AuditEntry struct {
	ID             string        `json:"id" doc:"id of the entry"`
	Action         Action        `json:"action" enum:"notificationSent,mailSettingsChanged" doc:"notificationSent: an admin has sent a notification; mailSettingsChanged: an account has changed which events it gets by mail"`
	At             time.Time     `json:"at" doc:"time of the request, of the first one if the entry counts several"`
	By             string        `json:"by" format:"uuid" doc:"id of the account that sent the notification or changed its settings"`
	From           string        `json:"from,omitempty" doc:"IP address of the client, of the latest one if the entry counts several"`
	RequestID      string        `json:"requestId,omitempty" doc:"id of the request, as in the log; of the latest one if the entry counts several"`
	Type           Type          `json:"type,omitempty" enum:"email,system,alert,info,warning,error" doc:"type of the notification"`
	EventType      string        `json:"eventType,omitempty" doc:"event that the notification is about"`
	Priority       Priority      `json:"priority,omitempty" enum:"low,medium,high,critical" doc:"priority of the notification"`
	Title          string        `json:"title,omitempty" doc:"title of the notification"`
	Message        string        `json:"message,omitempty" doc:"text of the notification"`
	Everyone       bool          `json:"everyone" doc:"true if a notification was sent to all accounts"`
	Recipient      string        `json:"recipient,omitempty" format:"uuid" doc:"id of the account that the notification was sent to"`
	RecipientEmail string        `json:"recipientEmail,omitempty" doc:"email address that the notification was sent to, if the sender chose one"`
	ByLink         bool          `json:"byLink,omitzero" doc:"true if the latest change of mail settings was made with the link in a mail, without a login"`
	Mail           *MailSettings `json:"mail,omitempty" doc:"mail settings after the latest change"`
	Count          int           `json:"count,omitempty" doc:"number of changes of mail settings in the same hour"`
	LastAt         time.Time     `json:"lastAt,omitzero" doc:"time of the latest change of mail settings that the entry counts"`
	Changes        []MailChange  `json:"changes,omitempty" doc:"the first 20 changes of mail settings that the entry counts, oldest first"`
}

// AuditSchema is the store schema of audit entries. Version 2 added Action and the members of
// changed mail settings, version 3 added ByLink; Reindex adds the action of earlier entries to the
// lists.
func AuditSchema() store.Schema[AuditEntry] {
	return store.Schema[AuditEntry]{Name: "notification_audit", Version: 3, IndexVersion: 1, Indexes: func(e *AuditEntry) store.Indexes {
		return store.Indexes{Scopes: []string{store.All}, Filters: map[string]string{"by": e.By, "action": string(e.action())}, Created: e.At}
	}}
}

// action returns the action of an entry. Those of earlier releases have none.
func (e *AuditEntry) action() Action { return cmp.Or(e.Action, NotificationSent) }

// Origin describes the client of a request.
type Origin struct{ Address, RequestID string }

type originKey struct{}

// WithOrigin returns a context that carries the origin of the request.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// newEntry returns an entry about the request of ctx.
func newEntry(ctx context.Context, id string, action Action, at time.Time) AuditEntry {
	o, _ := ctx.Value(originKey{}).(Origin)
	return AuditEntry{ID: id, Action: action, At: at, By: auth.Caller(ctx).UserID, From: o.Address, RequestID: o.RequestID}
}

// recordSent stores the audit entry of a draft. The entry of a repeated request stays.
func (s *Service) recordSent(ctx context.Context, r Record, d Draft) error {
	e := newEntry(ctx, r.Event, NotificationSent, r.CreatedAt)
	e.Type, e.EventType, e.Priority, e.Title, e.Message = r.Type, r.EventType, r.Priority, r.Title, r.Message
	e.Everyone, e.Recipient, e.RecipientEmail = d.toAll(), d.Recipient, d.RecipientEmail
	_, err := s.Audit.Insert(ctx, e.ID, e)
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// AuditFilter selects audit entries. Empty fields match all.
type AuditFilter struct {
	By     string
	Action Action
}

// ListAudit returns a page of the audit, newest first.
func (s *Service) ListAudit(ctx context.Context, f AuditFilter, cursor string, limit int) (store.Page[AuditEntry], error) {
	page, err := s.Audit.List(ctx, store.Query{
		Scopes: []string{store.All}, Filters: map[string]string{"by": f.By, "action": string(f.Action)}, Cursor: cursor, Limit: limit,
	})
	for i := range page.Rows {
		page.Rows[i].Doc.Action = page.Rows[i].Doc.action()
	}
	return page, err
}
