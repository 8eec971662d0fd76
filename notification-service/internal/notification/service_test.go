package notification_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
)

func TestStatsCountUpTo1000(t *testing.T) {
	o := newService(t)
	ctx := auth.NewContext(t.Context(), auth.Principal{UserID: "ann"})
	for _, n := range []int{0, 500, notification.MaxCount} {
		var records []store.Write[notification.Record]
		for i := range n {
			id := fmt.Sprintf("%04d", i)
			records = append(records, store.Write[notification.Record]{ID: id, Doc: notification.Record{
				ID: id, Recipient: "ann", Type: notification.System, Status: []notification.Status{notification.Read, notification.Unread}[i%2],
				Metadata: "{}", CreatedAt: o.now.Add(time.Duration(i) * time.Second),
			}})
		}
		if _, err := o.Records.InsertMany(ctx, records); err != nil { // those of the previous loop exist
			t.Fatal(err)
		}
		stats, err := o.Stats(ctx)
		if err != nil || stats.Total != n || stats.Unread != n/2 || stats.ByStatus[notification.Read] != n/2 || !stats.Complete {
			t.Errorf("stats of %d: %+v, %v", n, stats, err)
		}
	}
	_, err := o.Records.Insert(ctx, "more", notification.Record{ID: "more", Recipient: "ann", Status: notification.Unread, CreatedAt: o.now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if stats, err := o.Stats(ctx); err != nil || stats.Total != notification.MaxCount || stats.Complete {
		t.Errorf("stats of %d notifications: %+v, %v", notification.MaxCount+1, stats, err)
	}
}

// TestDeletedNotificationIsClearedAfterDelivery: a deleted notification loses its content when
// its last pending delivery is done.
func TestDeletedNotificationIsClearedAfterDelivery(t *testing.T) {
	mail := &channel{name: notification.Mail}
	o := newService(t, mail)
	o.handle("user.registered", ann)
	r, _ := o.newest("ann", notification.Mail)
	if err := o.Delete(auth.NewContext(t.Context(), auth.Principal{UserID: "ann"}), r.ID); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{r.Title, ""} {
		row, err := o.Records.Get(t.Context(), r.ID)
		if err != nil || row.Doc.Title != want {
			t.Errorf("deleted notification: %+v, %v, want the title %q", row.Doc, err, want)
		}
		o.deliver()
	}
	if len(mail.sent) != 1 || mail.sent[0].Title != r.Title {
		t.Errorf("mails %+v", mail.sent)
	}
}

// TestMailFailsIfDisabled sends a mail while the mail channel is disabled.
func TestMailFailsIfDisabled(t *testing.T) {
	files := &channel{name: notification.File}
	o := newService(t, files)
	o.handle("user.registered", ann)
	o.now = o.now.Add(time.Second)
	admin := auth.NewContext(t.Context(), auth.Principal{UserID: "root", Role: auth.Admin})
	r, _, err := o.Create(admin, notification.Draft{Type: notification.Email, EventType: "general.info", RecipientEmail: "x@nlb.example"}, "")
	if err != nil || r.Recipient != "root" || len(r.Deliveries) != 3 || r.Deliveries[1].State != notification.Failed || r.Deliveries[1].Reason == "" {
		t.Errorf("sent %+v, %v", r, err)
	}
	o.deliver()
	if len(files.sent) != 2 || files.sent[1].To != "x@nlb.example" { // as in the original service, a file is written instead
		t.Errorf("files %+v", files.sent)
	}
}
