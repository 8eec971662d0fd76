package notification_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
	"github.com/battery-passport/suite/pkg/task"
)

// checkAudit fails if the newest entry of an account does not have its settings, or if the audit
// has another number of entries or changes.
func (s *testService) checkAudit(id string, entries, changes int) {
	s.t.Helper()
	settings, err := s.Settings(auth.NewContext(s.t.Context(), auth.Principal{UserID: id}))
	if err != nil {
		s.t.Fatal(err)
	}
	page, err := s.ListAudit(s.t.Context(), notification.AuditFilter{By: id}, "", 10)
	if err != nil || len(page.Rows) != entries {
		s.t.Fatalf("%d audit entries of %s, want %d: %v", len(page.Rows), id, entries, err)
	}
	if e := page.Rows[0].Doc; *e.Mail != settings.Mail || e.Count != changes || len(e.Changes) != changes {
		s.t.Errorf("the settings are %+v, but the audit has %+v after %d of %d changes", settings.Mail, *e.Mail, e.Count, changes)
	}
}

// TestSettingsAndAuditAgree: the audit does not respond when settings are changed. The change is
// in the audit when the request is repeated, or after the next run of the resume task.
func TestSettingsAndAuditAgree(t *testing.T) {
	for _, c := range []struct {
		name   string
		repeat bool
	}{{"repeated", true}, {"resumed", false}} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			down, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "down.db"))
			if err != nil {
				t.Fatal(err)
			}
			down.Close(t.Context())
			ctx := auth.NewContext(t.Context(), auth.Principal{UserID: "ann"})
			off := notification.Settings{Mail: notification.MailSettings{Account: true}}
			audit := s.Audit
			s.Audit = store.Open(down, notification.AuditSchema())
			if err := s.ChangeSettings(ctx, off); err == nil {
				t.Fatal("the change succeeded without an audit")
			}
			s.Audit = audit
			if c.repeat {
				err = s.ChangeSettings(ctx, off)
			} else {
				err = s.ResumeTask().Run(t.Context(), task.Task{})
			}
			if err != nil {
				t.Fatal(err)
			}
			s.checkAudit("ann", 1, 1)
		})
	}
}

// TestConcurrentChangesOfSettings changes the settings of an account in many requests at once. The
// audit counts each change, and ends with the settings that are stored.
func TestConcurrentChangesOfSettings(t *testing.T) {
	s := newService(t)
	var wg sync.WaitGroup
	for i := range 8 {
		ctx := auth.NewContext(t.Context(), auth.Principal{UserID: "ann"})
		wg.Go(func() {
			settings := notification.Settings{Mail: notification.MailSettings{Passport: i&1 > 0, Document: true, Account: i&2 > 0}}
			if err := s.ChangeSettings(ctx, settings); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	row, err := s.Accounts.Get(t.Context(), "ann")
	if err != nil || row.Doc.Unrecorded {
		t.Fatalf("account %+v, %v", row.Doc, err)
	}
	s.checkAudit("ann", 1, row.Doc.MailEntry.Count)
}
