package notificationd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestFullDisk: if the disk of the text files is full, other channels work, /readyz reports it,
// and the files are written completely when there is space again.
func TestFullDisk(t *testing.T) {
	sink := mailServer(t, mailsink.Options{})
	cfg := settings(t, connect.Config{Dir: t.TempDir()}, sink)
	cfg.Kafka.Brokers = ownBroker(t) // files of other tests would fill the disk
	if err := os.Mkdir(cfg.Files, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", cfg.Files, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("NOT TESTED: only root can mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(cfg.Files, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := startWith(t, cfg, authtest.New(t))
	s.sink = sink
	owner := s.person(auth.Operator)
	s.until(func() bool { return len(s.files(owner.email)) == 1 }, func() string { return "the first file" })

	filler := filepath.Join(cfg.Files, ".filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("1 MiB was written to a disk of 64 KiB")
	}
	var passports []string
	for range 3 {
		id := uuid.NewString()
		passports = append(passports, id)
		s.send("passport.created", id, object("passportId", id, "batteryIdentifier", "https://nlb.example/1", "createdBy", owner.id), header(uuid.NewString())...)
		r := s.about(owner, "passport.created", "passportId", id, "list sent, mail sent, file pending")
		if len(s.files(id)) != 0 {
			t.Errorf("%s has a file on a full disk", r.ID)
		}
	}
	var ready rest.Readiness
	s.Call("GET /readyz", "", nil).Want(200, &ready)
	var detail string
	for _, c := range ready.Checks {
		if c.Name == "files" && !c.OK && !c.Vital {
			detail = c.Detail
		}
	}
	if ready.Status != "degraded" || !strings.Contains(detail, "no space left") {
		t.Errorf("readyz = %+v", ready)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for _, id := range passports {
		s.about(owner, "passport.created", "passportId", id, "list sent, mail sent, file sent")
		if files := s.files(id); len(files) != 1 || !strings.HasSuffix(files[0], strings.Repeat("-", 46)) {
			t.Errorf("files of %s: %q", id, files)
		}
	}
	s.until(func() bool { // check results are cached for a second
		s.Call("GET /readyz", "", nil).Want(200, &ready)
		return ready.Status == "ready"
	}, func() string { return fmt.Sprintf("readyz = %+v", ready) })
}
