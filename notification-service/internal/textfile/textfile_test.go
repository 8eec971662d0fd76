package textfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/notification-service/internal/textfile"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func message() notification.Message {
	return notification.Message{
		ID: "0193-row", Event: "0193-event", To: "user@example.com", Type: notification.Email, EventType: "user.registered",
		Priority: notification.Medium, Title: "Welcome to Our Platform!", Text: "Your account has been successfully created.",
		Metadata: `{"ipAddress":"192.168.1.1"}`, At: time.Date(2025, 9, 11, 1, 20, 9, 350e6, time.UTC),
	}
}

// original is the file in the documentation of the original service.
const original = "Notification Log - 9/11/2025, 1:20:09 AM\n" + rest

// iso is the same file with the time in ISO 8601.
const iso = "Notification Log - 2025-09-11T01:20:09Z\n" + rest

const rest = `----------------------------------------------
Event Type: user.registered
Type: email
Title: Welcome to Our Platform!
Message: Your account has been successfully created.
Recipient: user@example.com
Status: logged_to_file
Priority: medium
Metadata: {
  "ipAddress": "192.168.1.1"
}
----------------------------------------------`

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(content)
	}
	return all
}

func TestFileFormatMatchesOriginal(t *testing.T) {
	folder := textfile.Folder{Path: filepath.Join(t.TempDir(), "missing", "parent", "folder"), Dates: notification.US}
	unknown := message()
	unknown.Event, unknown.To, unknown.Metadata = "0193-other", "", "{}" // in the same millisecond
	for _, m := range []notification.Message{message(), message(), unknown} {
		if err := folder.Deliver(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"notification-2025-09-11T01-20-09.350Z-0193-event.txt": original,
		"notification-2025-09-11T01-20-09.350Z-0193-other.txt": `Notification Log - 9/11/2025, 1:20:09 AM
----------------------------------------------
Event Type: user.registered
Type: email
Title: Welcome to Our Platform!
Message: Your account has been successfully created.
Recipient: N/A
Status: logged_to_file
Priority: medium
Metadata: {}
----------------------------------------------`,
	}
	if diff := cmp.Diff(want, files(t, folder.Path)); diff != "" {
		t.Errorf("files (-want +got)\n%s", diff)
	}
}

// TestInstancesDoNotShareTemporaryFiles: another instance is writing a temporary file for the same
// event, under a name derived from the event. The delivered file has the default style of dates.
func TestInstancesDoNotShareTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	const name, half = "notification-2025-09-11T01-20-09.350Z-0193-event.txt", "Notification Log - half"
	if err := os.WriteFile(filepath.Join(dir, "."+name), []byte(half), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (textfile.Folder{Path: dir}).Deliver(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"." + name: half, name: iso}, files(t, dir)); diff != "" {
		t.Errorf("files (-want +got)\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != 0o640 {
		t.Errorf("file mode %v, %v, want 0640", info.Mode(), err)
	}
}

// TestInstancesWriteTheSameEvents: several instances write the files of the same events at the
// same time. All of them succeed, and each file is complete.
func TestInstancesWriteTheSameEvents(t *testing.T) {
	dir := t.TempDir()
	batch, want := make([]notification.Message, 50), map[string]string{}
	for i := range batch {
		batch[i] = message()
		batch[i].Event = fmt.Sprint("event", i)
		want[fmt.Sprintf("notification-2025-09-11T01-20-09.350Z-event%d.txt", i)] = iso
	}
	var instances sync.WaitGroup
	for range 4 {
		instances.Go(func() {
			if err := errors.Join((textfile.Folder{Path: dir}).DeliverMany(t.Context(), batch)...); err != nil {
				t.Error(err)
			}
		})
	}
	instances.Wait()
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Errorf("files (-want +got)\n%s", diff)
	}
}

// TestFailedFileLeavesNoTemporaryFile: the name of one file is taken by a folder. Only this file
// fails.
func TestFailedFileLeavesNoTemporaryFile(t *testing.T) {
	dir := t.TempDir()
	other := message()
	other.Event = "0193-other"
	if err := os.Mkdir(filepath.Join(dir, "notification-2025-09-11T01-20-09.350Z-0193-other.txt"), 0o700); err != nil {
		t.Fatal(err)
	}
	errs := (textfile.Folder{Path: dir}).DeliverMany(t.Context(), []notification.Message{other, message()})
	if errs[0] == nil || errs[1] != nil {
		t.Errorf("errors %v, want one for the first file", errs)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the folder has %v, %v, want the other folder and one file", entries, err)
	}
}

// TestStaleTemporaryFilesAreRemoved: only files of the own pattern are removed, and only old ones.
func TestStaleTemporaryFilesAreRemoved(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	for name, age := range map[string]time.Duration{
		".notification-1": 2 * time.Hour, ".notification-2": 59 * time.Minute, ".probe": 2 * time.Hour, "notification-3.txt": 2 * time.Hour,
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".notification-folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return now }
	for _, folder := range []string{dir, filepath.Join(dir, "missing")} {
		if err := (textfile.Folder{Path: folder}).RemoveStaleTask(clock).Run(t.Context(), task.Task{}); err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || fmt.Sprint(entries) != "[- .notification-2 d .notification-folder/ - .probe - notification-3.txt]" {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}

// TestUnusableFolderIsOutage: if the folder cannot be created, no message is refused.
func TestUnusableFolderIsOutage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := textfile.Folder{Path: path}.Deliver(t.Context(), message())
	if _, refused := errors.AsType[*task.Refusal](err); err == nil || refused {
		t.Errorf("Deliver = %v", err)
	}
}

// TestPing checks a new folder, a path that is a file, and a folder in which the probe cannot
// be written.
func TestPing(t *testing.T) {
	dir := t.TempDir()
	if err := (textfile.Folder{Path: filepath.Join(dir, "new")}).Ping(t.Context()); err != nil {
		t.Errorf("Ping of a new folder = %v", err)
	}
	if files, err := os.ReadDir(filepath.Join(dir, "new")); err != nil || len(files) != 0 {
		t.Errorf("Ping left %v, %v", files, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Mkdir(dangling, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere", "file"), filepath.Join(dangling, ".probe")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, dangling} {
		if err := (textfile.Folder{Path: path}).Ping(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("Ping of %s = %v", path, err)
		}
	}
}
