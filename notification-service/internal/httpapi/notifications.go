package httpapi

import (
	"context"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/wire"
)

// Notification is a notification as it is answered.
type Notification struct {
	ID        string                  `json:"id"`
	Type      notification.Type       `json:"type" enum:"email,system,alert,info,warning,error"`
	EventType string                  `json:"eventType"`
	Title     string                  `json:"title"`
	Message   string                  `json:"message"`
	Priority  notification.Priority   `json:"priority" enum:"low,medium,high,critical"`
	Status    notification.Status     `json:"status" enum:"unread,read"`
	Channels  []notification.Delivery `json:"channels" doc:"how it fares on each way to its recipient"`
	Metadata  wire.Value              `json:"metadata" doc:"what the event is about, who did it, and in eventData the event itself; or what the sender gave"`
	CreatedAt time.Time               `json:"createdAt"`
	ReadAt    time.Time               `json:"readAt,omitzero"`
}

func answerOf(r *notification.Record) Notification {
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
	Location string `header:"Location" doc:"where the notification is, for its recipient"`
	Body     Notification
}

type idInput struct {
	ID string `path:"id"`
}

type output struct{ Body Notification }

type listInput struct {
	rest.Paging
	Type      notification.Type     `query:"type" enum:"email,system,alert,info,warning,error" doc:"only of this type"`
	Status    notification.Status   `query:"status" enum:"unread,read" doc:"only read or unread ones"`
	EventType string                `query:"eventType" doc:"only of this type of event, as passport.created"`
	Priority  notification.Priority `query:"priority" enum:"low,medium,high,critical" doc:"only of this priority"`
}

type listOutput struct{ Body rest.List[Notification] }

type statsOutput struct{ Body notification.Stats }

type markOutput struct {
	Body struct {
		Marked int `json:"marked" doc:"how many were unread"`
	}
}

func (a *API) create(ctx context.Context, in *createInput) (*createOutput, error) {
	r, again, err := a.Notifications.Create(ctx, in.Body, in.Key)
	return &createOutput{Replayed: rest.ReplayedIf(again), Location: "/api/notifications/" + r.ID, Body: answerOf(&r)}, err
}

func (a *API) list(ctx context.Context, in *listInput) (*listOutput, error) {
	page, err := a.Notifications.List(ctx, notification.Filter{Type: in.Type, Status: in.Status, EventType: in.EventType, Priority: in.Priority}, in.Cursor, in.Limit)
	out := &listOutput{rest.List[Notification]{NextCursor: page.Next}}
	for _, row := range page.Rows {
		out.Body.Items = append(out.Body.Items, answerOf(&row.Doc))
	}
	return out, err
}

func (a *API) stats(ctx context.Context, _ *struct{}) (*statsOutput, error) {
	stats, err := a.Notifications.Stats(ctx)
	return &statsOutput{stats}, err
}

func (a *API) get(ctx context.Context, in *idInput) (*output, error) {
	r, err := a.Notifications.Get(ctx, in.ID)
	return &output{answerOf(&r)}, err
}

func (a *API) markRead(ctx context.Context, in *idInput) (*output, error) {
	r, err := a.Notifications.MarkRead(ctx, in.ID)
	return &output{answerOf(&r)}, err
}

func (a *API) markAllRead(ctx context.Context, _ *struct{}) (*markOutput, error) {
	marked, err := a.Notifications.MarkAllRead(ctx)
	out := &markOutput{}
	out.Body.Marked = marked
	return out, err
}

func (a *API) delete(ctx context.Context, in *idInput) (*struct{}, error) {
	return nil, a.Notifications.Delete(ctx, in.ID)
}
