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

var _ notification.Channel = Folder{}

// Deliver implements notification.Channel. The file is written atomically. Its name is
// derived from the time and id of the event, so that a repeated delivery replaces it.
func (f Folder) Deliver(_ context.Context, m notification.Message) error {
	content, err := f.format(m)
	if err != nil {
		return &notification.Refusal{Final: true, Reason: err.Error()}
	}
	if err := os.MkdirAll(f.Path, folderMode); err != nil {
		return err
	}
	name := fmt.Sprintf("notification-%s-%s.txt", m.At.UTC().Format(nameTime), m.Event)
	path, temporary := filepath.Join(f.Path, name), filepath.Join(f.Path, "."+name)
	if err := write(temporary, content); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncFolder(f.Path)
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

// syncFolder makes a rename durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
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
