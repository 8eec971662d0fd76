// Package textfile writes notifications to text files in the format of the original service,
// with dates in ISO 8601 unless configured otherwise.
package textfile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/task"
)

const (
	line     = "----------------------------------------------"
	nameTime = "2006-01-02T15-04-05.000Z"

	// The files contain addresses and user-chosen text: other users cannot read them.
	folderMode = 0o750
	fileMode   = 0o640
)

// Folder is the folder of the files. It is created if it is missing.
type Folder struct {
	Path  string
	Dates notification.DateStyle
}

var _ notification.BatchChannel = Folder{}

// Deliver implements notification.Channel.
func (f Folder) Deliver(ctx context.Context, m notification.Message) error {
	return f.DeliverMany(ctx, []notification.Message{m})[0]
}

// DeliverMany implements notification.BatchChannel. Each file is written atomically. Its name
// is derived from the time and id of the event, so that a repeated delivery replaces it, even
// one by another instance at the same time.
func (f Folder) DeliverMany(_ context.Context, messages []notification.Message) []error {
	errs := make([]error, len(messages))
	if err := os.MkdirAll(f.Path, folderMode); err != nil {
		return failed(errs, err)
	}
	temporary, written := make([]string, len(messages)), []string{}
	for i, m := range messages {
		if temporary[i], errs[i] = f.writeTemporary(m); errs[i] == nil {
			written = append(written, temporary[i])
		}
	}
	err := syncAll(f.Path, written)
	for i, name := range temporary {
		if errs[i] != nil {
			continue
		}
		if errs[i] = err; err == nil {
			errs[i] = os.Rename(name, filepath.Join(f.Path, fileName(messages[i])))
		}
		if errs[i] != nil {
			_ = os.Remove(name) // the first error is reported
		}
	}
	if err := syncFile(f.Path); err != nil { // makes the renames durable
		return failed(errs, err)
	}
	return errs
}

func fileName(m notification.Message) string {
	return fmt.Sprintf("notification-%s-%s.txt", m.At.UTC().Format(nameTime), m.Event)
}

// writeTemporary writes the file of a message under a name that no other instance uses. If the
// process is killed afterwards, the file remains until RemoveStaleTask removes it.
func (f Folder) writeTemporary(m notification.Message) (name string, err error) {
	content, err := f.format(m)
	if err != nil {
		return "", &task.Refusal{Final: true, Reason: err.Error()}
	}
	file, err := os.CreateTemp(f.Path, temporaryPrefix+"*")
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(content)
	if err = errors.Join(err, file.Chmod(fileMode), file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// failed sets the errors of all messages that are not refused.
func failed(errs []error, err error) []error {
	for i := range errs {
		if errs[i] == nil {
			errs[i] = err
		}
	}
	return errs
}

// Ping checks that files can be written, by writing one.
func (f Folder) Ping(context.Context) error {
	path := filepath.Join(f.Path, probe)
	err := os.MkdirAll(f.Path, folderMode)
	if err == nil {
		err = write(path, strings.Repeat("\n", probeBytes))
	}
	if removed := os.Remove(path); err == nil && !errors.Is(removed, os.ErrNotExist) { // another instance may have removed it
		err = removed
	}
	if err != nil {
		return fault.New(fault.Unavailable, "text files cannot be written: %v", err)
	}
	return nil
}

const (
	probe      = ".probe" // name of the file that Ping writes
	probeBytes = 4 << 10  // a block of most file systems
)

func write(path, content string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	return errors.Join(err, file.Sync(), file.Close())
}

// syncFile syncs a file or folder to the disk.
func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// syncEach syncs files to the disk, one by one.
func syncEach(files []string) error {
	for _, name := range files {
		if err := syncFile(name); err != nil {
			return err
		}
	}
	return nil
}

func (f Folder) format(m notification.Message) (string, error) {
	var metadata bytes.Buffer
	if err := json.Indent(&metadata, []byte(m.Metadata), "", "  "); err != nil {
		return "", fmt.Errorf("metadata: %w", err)
	}
	to := m.To
	if to == "" {
		to = "N/A"
	}
	return strings.Join([]string{
		"Notification Log - " + f.Dates.Format(m.At),
		line,
		"Event Type: " + m.EventType,
		"Type: " + string(m.Type),
		"Title: " + m.Title,
		"Message: " + m.Text,
		"Recipient: " + to,
		"Status: logged_to_file",
		"Priority: " + string(m.Priority),
		"Metadata: " + metadata.String(),
		line,
	}, "\n"), nil
}
