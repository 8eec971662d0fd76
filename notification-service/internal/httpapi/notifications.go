package httpapi

import (
	"context"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/wire"
)

// Notification is the JSON form of a notification.
type Notification struct {
	ID        string                  `json:"id" format:"uuid" doc:"id of the notification"`
	Type      notification.Type       `json:"type" enum:"email,system,alert,info,warning,error" doc:"system: about an event; email: sent by mail by an admin; all others: chosen by the sender"`
	EventType string                  `json:"eventType" doc:"type of the event, such as passport.created"`
	Title     string                  `json:"title" doc:"one line of text"`
	Message   string                  `json:"message" doc:"text, may have several lines"`
	Priority  notification.Priority   `json:"priority" enum:"low,medium,high,critical" doc:"medium for events, otherwise chosen by the sender"`
	Status    notification.Status     `json:"status" enum:"unread,read" doc:"whether you have marked the notification as read"`
	Channels  []notification.Delivery `json:"channels" doc:"state of the delivery on each channel"`
	Metadata  wire.Value              `json:"metadata" doc:"for events: id of the subject, ids of the users, and the event as eventData; otherwise the metadata of the sender"`
	CreatedAt time.Time               `json:"createdAt" doc:"time of the event, or of sending"`
	ReadAt    time.Time               `json:"readAt,omitzero" doc:"when the notification was marked as read"`
}

func newNotification(r *notification.Record) Notification {
	return Notification{
		ID: r.ID, Type: r.Type, EventType: r.EventType, Title: r.Title, Message: r.Message, Priority: r.Priority, Status: r.Status,
		Channels: r.Deliveries, Metadata: wire.Value(r.Metadata), CreatedAt: r.CreatedAt, ReadAt: r.ReadAt,
	}
}

type createInput struct {
	rest.IdempotencyKey
	Body notification.Draft
}

type createOutput struct {
	rest.Replayed
	Location string `header:"Location" doc:"path of the notification; only its recipient can get it"`
	Body     Notification
}

type idInput struct {
	ID string `path:"id" id:"true" doc:"id of the notification"`
}

type output struct{ Body Notification }

type listInput struct {
	rest.Paging
	Type      notification.Type     `query:"type" enum:"email,system,alert,info,warning,error" doc:"only notifications of this type"`
	Status    notification.Status   `query:"status" enum:"unread,read" doc:"only notifications with this status"`
	EventType string                `query:"eventType" doc:"only notifications of this event type, such as passport.created"`
	Priority  notification.Priority `query:"priority" enum:"low,medium,high,critical" doc:"only notifications with this priority"`
}

type listOutput struct{ Body rest.List[Notification] }

type statsOutput struct{ Body notification.Stats }

// MarkResult is the response of marking all notifications as read.
type MarkResult struct {
	Marked int `json:"marked" doc:"number of notifications that were unread"`
}

type markOutput struct{ Body MarkResult }

func (a *API) create(ctx context.Context, in *createInput) (*createOutput, error) {
	r, replayed, err := a.Notifications.Create(withOrigin(ctx), in.Body, in.Key)
	return &createOutput{Replayed: rest.ReplayedIf(replayed), Location: "/api/notifications/" + r.ID, Body: newNotification(&r)}, err
}

func (a *API) list(ctx context.Context, in *listInput) (*listOutput, error) {
	page, err := a.Notifications.List(ctx, notification.Filter{Type: in.Type, Status: in.Status, EventType: in.EventType, Priority: in.Priority}, in.Cursor, in.Limit)
	out := &listOutput{rest.List[Notification]{NextCursor: page.Next}}
	for _, row := range page.Rows {
		out.Body.Items = append(out.Body.Items, newNotification(&row.Doc))
	}
	return out, err
}

func (a *API) stats(ctx context.Context, _ *struct{}) (*statsOutput, error) {
	stats, err := a.Notifications.Stats(ctx)
	return &statsOutput{stats}, err
}

func (a *API) get(ctx context.Context, in *idInput) (*output, error) {
	r, err := a.Notifications.Get(ctx, in.ID)
	return &output{newNotification(&r)}, err
}

func (a *API) markRead(ctx context.Context, in *idInput) (*output, error) {
	r, err := a.Notifications.MarkRead(ctx, in.ID)
	return &output{newNotification(&r)}, err
}

func (a *API) markAllRead(ctx context.Context, _ *struct{}) (*markOutput, error) {
	marked, err := a.Notifications.MarkAllRead(ctx)
	return &markOutput{MarkResult{marked}}, err
}

func (a *API) delete(ctx context.Context, in *idInput) (*struct{}, error) {
	return nil, a.Notifications.Delete(ctx, in.ID)
}
