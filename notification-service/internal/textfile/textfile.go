// Package textfile writes notifications to text files, in the form of the
// original.
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
	rule     = "----------------------------------------------"
	nameTime = "2006-01-02T15-04-05.000Z"
)

// Folder is where the files go. It is made when it is missing.
type Folder struct{ Path string }

var _ notification.Channel = Folder{}

// Deliver implements notification.Channel. The name of the file comes of the
// time and the id of the event: what is delivered again writes the same file.
// It is there whole or not at all.
func (f Folder) Deliver(_ context.Context, m notification.Message) error {
	content, err := contentOf(m)
	if err != nil {
		return &notification.Refusal{Final: true, Reason: err.Error()}
	}
	if err := os.MkdirAll(f.Path, 0o755); err != nil {
		return err
	}
	name := fmt.Sprintf("notification-%s-%s.txt", m.At.UTC().Format(nameTime), m.Event)
	path, aside := filepath.Join(f.Path, name), filepath.Join(f.Path, "."+name)
	if err := write(aside, content); err != nil {
		return err
	}
	if err := os.Rename(aside, path); err != nil {
		return err
	}
	return syncFolder(f.Path)
}

// Ping tells whether a file can be written, by writing one.
func (f Folder) Ping(context.Context) error {
	path := filepath.Join(f.Path, probe)
	err := os.MkdirAll(f.Path, 0o755)
	if err == nil {
		err = write(path, strings.Repeat("\n", probeBytes))
	}
	if removed := os.Remove(path); err == nil && !errors.Is(removed, os.ErrNotExist) { // by another service that shares the folder
		err = removed
	}
	if err != nil {
		return fault.New(fault.Unavailable, "text files cannot be written: %v", err)
	}
	return nil
}

const (
	probe      = ".probe"
	probeBytes = 4 << 10 // a block of most file systems
)

func write(path, content string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	return errors.Join(err, file.Sync(), file.Close())
}

// syncFolder makes a rename last.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func contentOf(m notification.Message) (string, error) {
	var metadata bytes.Buffer
	if err := json.Indent(&metadata, []byte(m.Metadata), "", "  "); err != nil {
		return "", fmt.Errorf("metadata: %w", err)
	}
	to := m.To
	if to == "" {
		to = "N/A"
	}
	return strings.Join([]string{
		"Notification Log - " + m.At.UTC().Format(notification.LocaleTime),
		rule,
		"Event Type: " + m.EventType,
		"Type: " + string(m.Type),
		"Title: " + m.Title,
		"Message: " + m.Text,
		"Recipient: " + to,
		"Status: logged_to_file",
		"Priority: " + string(m.Priority),
		"Metadata: " + metadata.String(),
		rule,
	}, "\n"), nil
}
