package notification_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
)

// TestBatchStopsAtAWrongEvent handles a batch with a wrong event in the middle, a repeated one,
// and an account that becomes an admin in between. Handle returns the position of the wrong
// event. The events around it have one notification and one file each, and the admin those
// since the change.
func TestBatchStopsAtAWrongEvent(t *testing.T) {
	files := &channel{name: notification.File}
	s := newService(t, files)
	s.handle("user.registered", ann)
	created := func(id, payload string) event.Envelope {
		return event.Envelope{ID: id, Topic: "passport.created", Type: "passport.created", Time: s.now, Data: []byte(payload)}
	}
	var batch []event.Envelope
	for i := range 4 {
		id := fmt.Sprint("p", i)
		batch = append(batch, created(id, fmt.Sprintf(`{"passportId":%q,"createdBy":"ann"}`, id)))
	}
	admin := s.accountEvent(event.Envelope{ID: "root", Type: "user.registered", Time: s.now, Data: []byte(`{"userId":"root","email":"root@nlb.example","role":"admin"}`)})
	batch = slices.Insert(batch, 2, batch[0], admin)
	batch = slices.Insert(batch, 4, created("wrong", `{`))
	const wrong = 4
	for _, ofRoot := range []int{3, 5} { // the events are delivered again, when root is an admin
		n, err := s.Handle(t.Context(), batch)
		if n != wrong || !fault.Is(err, fault.Malformed) {
			t.Fatalf("Handle = %d, %v, want %d and a malformed event", n, err, wrong)
		}
		if n, err = s.Handle(t.Context(), batch[wrong+1:]); n != 2 || err != nil {
			t.Fatalf("Handle = %d, %v, want 2 events", n, err)
		}
		for user, want := range map[string]int{"ann": 5, "root": ofRoot} { // with their registrations
			page, err := s.List(auth.NewContext(t.Context(), auth.Principal{UserID: user, Role: auth.Admin}), notification.Filter{}, "", 100)
			if err != nil || len(page.Rows) != want {
				t.Errorf("%s has %d notifications, %v, want %d", user, len(page.Rows), err, want)
			}
		}
	}
	s.deliver()
	if len(files.sent) != 6 {
		t.Errorf("%d files, want 6", len(files.sent))
	}
	for _, r := range files.sent {
		if r.EventType == "passport.created" && r.To != "ann@nlb.example" {
			t.Errorf("file of %s has the address %q", r.Event, r.To)
		}
	}
}

// TestOutageOfTheFolder: the disk is full while the first half of a batch is written. The files of it
// are pending with the reason, and the log has one line for them, and one for each other file. They are
// written when the disk has space.
func TestOutageOfTheFolder(t *testing.T) {
	written := 0
	full := func(notification.Message) error {
		if written++; written <= 3 {
			return errors.New("no space left on device")
		}
		return nil
	}
	files := &channel{name: notification.File}
	s := newService(t, files)
	s.handle("user.registered", ann)
	files.fail = full
	s.log.Reset()
	var batch []event.Envelope
	for i := range 6 {
		id := fmt.Sprint("p", i)
		batch = append(batch, event.Envelope{ID: id, Topic: "passport.created", Type: "passport.created", Time: s.now, Data: fmt.Appendf(nil, `{"passportId":%q,"createdBy":"ann"}`, id)})
	}
	if n, err := s.Handle(t.Context(), batch); n != len(batch) || err != nil {
		t.Fatalf("Handle = %d, %v", n, err)
	}
	log := s.log.String()
	if strings.Count(log, "text files not written") != 1 || !strings.Contains(log, "files=3") || !strings.Contains(log, "no space left on device") || strings.Count(log, "notification delivered") != 3 {
		t.Errorf("got log\n%s\nwant one line for 3 files that were not written, and 3 for the others", log)
	}
	states := func() (pending, sent int) {
		page, err := s.List(auth.NewContext(t.Context(), auth.Principal{UserID: "ann"}), notification.Filter{EventType: "passport.created"}, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Rows {
			for _, d := range row.Doc.Deliveries {
				switch {
				case d.Channel == notification.File && d.State == notification.Pending && d.Reason == "no space left on device":
					pending++
				case d.Channel == notification.File && d.State == notification.Sent && d.Reason == "":
					sent++
				}
			}
		}
		return pending, sent
	}
	if pending, sent := states(); pending != 3 || sent != 3 {
		t.Errorf("%d files are pending with a reason, and %d sent, want 3 and 3", pending, sent)
	}
	s.deliver()
	if pending, sent := states(); pending != 0 || sent != 6 {
		t.Errorf("%d files are pending afterwards, and %d sent, want 0 and 6", pending, sent)
	}
}
