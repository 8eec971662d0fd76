package notification_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
)

func TestStatsCountToAThousand(t *testing.T) {
	o := newOffice(t)
	ctx := auth.NewContext(t.Context(), auth.Principal{UserID: "ann"})
	for _, n := range []int{0, 500, notification.Counted} {
		var records []store.Write[notification.Record]
		for i := range n {
			id := fmt.Sprintf("%04d", i)
			records = append(records, store.Write[notification.Record]{ID: id, Doc: notification.Record{
				ID: id, Recipient: "ann", Type: notification.System, Status: []notification.Status{notification.Read, notification.Unread}[i%2],
				Metadata: "{}", CreatedAt: o.now.Add(time.Duration(i) * time.Second),
			}})
		}
		if _, err := o.Records.InsertMany(ctx, records); err != nil { // those of the round before are there
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
	if stats, err := o.Stats(ctx); err != nil || stats.Total != notification.Counted || stats.Complete {
		t.Errorf("stats of one more: %+v, %v", stats, err)
	}
}

// TestWhatIsDeletedIsEmptied keeps the words as long as they are to be
// delivered, and no longer.
func TestWhatIsDeletedIsEmptied(t *testing.T) {
	post := &channel{name: notification.Mail}
	o := newOffice(t, post)
	o.happens("user.registered", ann)
	r, _ := o.newest("ann", notification.Mail)
	if err := o.Delete(auth.NewContext(t.Context(), auth.Principal{UserID: "ann"}), r.ID); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{r.Title, ""} {
		row, err := o.Records.Get(t.Context(), r.ID)
		if err != nil || row.Doc.Title != want {
			t.Errorf("a deleted notification is %+v, %v; want the title %q", row.Doc, err, want)
		}
		o.round()
	}
	if len(post.got) != 1 || post.got[0].Title != r.Title {
		t.Errorf("mails %+v", post.got)
	}
}

// TestMailThatCannotBe sends one where mail is off.
func TestMailThatCannotBe(t *testing.T) {
	files := &channel{name: notification.File}
	o := newOffice(t, files)
	o.happens("user.registered", ann)
	o.now = o.now.Add(time.Second)
	admin := auth.NewContext(t.Context(), auth.Principal{UserID: "root", Role: auth.Admin})
	r, _, err := o.Create(admin, notification.Draft{Type: notification.Email, EventType: "general.info", RecipientEmail: "x@nlb.example"}, "")
	if err != nil || r.Recipient != "root" || len(r.Deliveries) != 3 || r.Deliveries[1].State != notification.Failed || r.Deliveries[1].Reason == "" {
		t.Errorf("sent %+v, %v", r, err)
	}
	o.round()
	if len(files.got) != 2 || files.got[1].To != "x@nlb.example" { // the original wrote a file in its place
		t.Errorf("files %+v", files.got)
	}
}
