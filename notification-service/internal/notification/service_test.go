package notification_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
)

func TestStatsCountUpTo1000(t *testing.T) {
	s := newService(t)
	ctx := auth.NewContext(t.Context(), auth.Principal{UserID: "ann"})
	for _, n := range []int{0, 500, notification.MaxCount} {
		var records []store.Write[notification.Record]
		for i := range n {
			id := fmt.Sprintf("%04d", i)
			records = append(records, store.Write[notification.Record]{ID: id, Doc: notification.Record{
				ID: id, Recipient: "ann", Type: notification.System, Status: []notification.Status{notification.Read, notification.Unread}[i%2],
				Metadata: "{}", CreatedAt: s.now.Add(time.Duration(i) * time.Second),
			}})
		}
		if _, err := s.Records.InsertMany(ctx, records); err != nil { // those of the previous loop exist
			t.Fatal(err)
		}
		stats, err := s.Stats(ctx)
		if err != nil || stats.Total != n || stats.Unread != n/2 || stats.ByStatus[notification.Read] != n/2 || !stats.Complete {
			t.Errorf("stats of %d: %+v, %v", n, stats, err)
		}
	}
	_, err := s.Records.Insert(ctx, "more", notification.Record{ID: "more", Recipient: "ann", Status: notification.Unread, CreatedAt: s.now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if stats, err := s.Stats(ctx); err != nil || stats.Total != notification.MaxCount || stats.Complete {
		t.Errorf("stats of %d notifications: %+v, %v", notification.MaxCount+1, stats, err)
	}
}

// TestImportMakesOneNotification handles the events of an import of two passports.
func TestImportMakesOneNotification(t *testing.T) {
	s := newService(t)
	s.handle("user.registered", ann)
	for _, id := range []string{"p1", "p2"} {
		s.handle("passport.created", `{"passportId":"`+id+`","createdBy":"ann","importId":"i"}`)
		s.handle("passport.published", `{"passportId":"`+id+`","publishedBy":"ann","importId":"i"}`)
	}
	s.handle("passport.importFinished", `{"importId":"i","rows":2,"created":2,"updated":0,"unchanged":-0.5,"invalid":"1","complete":true,"createdBy":"ann"}`)
	s.handle("passport.deleted", `{"passportId":"p2","deletedBy":"root"}`) // its owner is known from the import
	page, err := s.List(auth.NewContext(t.Context(), auth.Principal{UserID: "ann"}), notification.Filter{}, "", 10)
	var got []string
	for _, r := range page.Rows {
		got = append(got, r.Doc.EventType+": "+r.Doc.Title)
		const counts = "Rows: 2\nCreated: 2\nUpdated: 0\nUnchanged: N/A\nInvalid: N/A\nConflict: N/A\nPublished: N/A"
		if r.Doc.EventType == "passport.importFinished" && !strings.HasSuffix(r.Doc.Message, counts) {
			t.Errorf("the message of the import is %q, want it to end with %q", r.Doc.Message, counts)
		}
	}
	slices.Sort(got)
	want := []string{"passport.deleted: Battery Passport Deleted", "passport.importFinished: Import of Battery Passports Finished", "user.registered: Welcome to Battery Passport System"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("notifications (-want +got), %v\n%s", err, diff)
	}
}

// TestDeletedNotificationIsClearedAfterDelivery: a deleted notification loses its content when
// its last pending delivery is done.
func TestDeletedNotificationIsClearedAfterDelivery(t *testing.T) {
	mail := &channel{name: notification.Mail}
	s := newService(t, mail)
	s.handle("user.registered", ann)
	r, _ := s.newest("ann", notification.Mail)
	if err := s.Delete(auth.NewContext(t.Context(), auth.Principal{UserID: "ann"}), r.ID); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{r.Title, ""} {
		row, err := s.Records.Get(t.Context(), r.ID)
		if err != nil || row.Doc.Title != want {
			t.Errorf("deleted notification: %+v, %v, want the title %q", row.Doc, err, want)
		}
		s.deliver()
	}
	if len(mail.sent) != 1 || mail.sent[0].Title != r.Title {
		t.Errorf("mails %+v", mail.sent)
	}
}

// TestMailFailsIfDisabled sends a mail while the mail channel is disabled.
func TestMailFailsIfDisabled(t *testing.T) {
	files := &channel{name: notification.File}
	s := newService(t, files)
	s.handle("user.registered", ann)
	s.now = s.now.Add(time.Second)
	admin := auth.NewContext(t.Context(), auth.Principal{UserID: "root", Role: auth.Admin})
	r, _, err := s.Create(admin, notification.Draft{Type: notification.Email, EventType: "general.info", RecipientEmail: "x@nlb.example"}, "")
	if err != nil || r.Recipient != "root" || len(r.Deliveries) != 3 || r.Deliveries[1].State != notification.Failed || r.Deliveries[1].Reason == "" {
		t.Errorf("sent %+v, %v", r, err)
	}
	s.deliver()
	if len(files.sent) != 2 || files.sent[1].To != "x@nlb.example" { // as in the original service, a file is written instead
		t.Errorf("files %+v", files.sent)
	}
}
