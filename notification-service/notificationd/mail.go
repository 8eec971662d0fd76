package notificationd

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/mail"
	"github.com/battery-passport/suite/pkg/task"
)

// mailChannel delivers notifications by mail.
type mailChannel struct{ *mail.Sender }

// Deliver implements notification.Channel.
func (c mailChannel) Deliver(ctx context.Context, m notification.Message) error {
	if m.Type == notification.System { // the metadata is the event, which is not for people
		m.Metadata = "{}"
	}
	details, err := indent(m.Metadata)
	if err != nil {
		return &task.Refusal{Final: true, Reason: "metadata: " + err.Error()}
	}
	return c.Send(ctx, mail.Message{ID: m.ID, To: m.To, Subject: m.Title, Text: m.Text, Details: details, At: m.At, Unsubscribe: m.Unsubscribe})
}

// indent formats a JSON object for people. It returns an empty string for an empty object.
func indent(object string) (string, error) {
	if object == "{}" {
		return "", nil
	}
	var b bytes.Buffer
	err := json.Indent(&b, []byte(object), "", "  ")
	return b.String(), err
}
