package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

type notification struct {
	ID        string          `json:"id"`
	EventType string          `json:"eventType"`
	Metadata  json.RawMessage `json:"metadata"`
}

// about names the event that a notification tells of.
func about(eventType string, metadata []byte) (string, error) {
	var m struct {
		EventData json.RawMessage `json:"eventData"`
	}
	if err := json.Unmarshal(metadata, &m); err != nil {
		return "", err
	}
	return whatOf(eventType, m.EventData), nil
}

// readNotifications reads the lists of everybody.
func (r *reconciler) readNotifications(ctx context.Context) error {
	everybody := append([]*account{r.admin}, r.teams...)
	for _, p := range r.people {
		if !r.entries[p].gone {
			everybody = append(everybody, p.who)
		}
	}
	var mu sync.Mutex
	return each(ctx, everybody, map[*account]bool{}, func(ctx context.Context, who *account) (bool, error) {
		times, seen := map[string]int{}, map[string]bool{}
		err := page(ctx, r.caller, who, r.Notification+"/api/notifications", func(n notification) bool {
			if what, err := about(n.EventType, n.Metadata); err == nil && !seen[n.ID] {
				times[what]++
			}
			seen[n.ID] = true
			return true
		})
		mu.Lock()
		defer mu.Unlock()
		r.told[who.id] = times
		return true, err
	})
}

// judgeNotifications compares what is told with the events: whom an event is
// about and the admin are told of it once each, but of changes of accounts.
func (r *reconciler) judgeNotifications(f *findings, n *counts) {
	for _, e := range r.log.events {
		if e.topic == moved {
			continue
		}
		for _, who := range []string{e.payload.concerned(), r.admin.id} {
			times := r.told[who][e.what]
			n.Notifications += times
			switch {
			case times == 0:
				f.add(loss, e.key, "%s was not told of %s, version %d", who, e.topic, e.sequence)
			case times > 1:
				f.add(duplicate, e.key, "%s was told %d times of %s, version %d", who, times, e.topic, e.sequence)
			}
		}
	}
}

// text is a text file of a notification.
type text struct {
	what  string // the event that it tells of
	wrong string // why it is not whole
}

const (
	textBegin = "Notification Log - "
	textRule  = "\n----------------------------------------------"
)

// textOf reads a text file.
func textOf(content string) text {
	body, ended := strings.CutSuffix(content, textRule)
	at := strings.LastIndex(body, "\nMetadata: ")
	_, line, typed := strings.Cut(body, "\nEvent Type: ")
	if !strings.HasPrefix(content, textBegin) || !ended || at < 0 || !typed {
		return text{wrong: fmt.Sprintf("it has %d bytes, and not all that a notification has", len(content))}
	}
	eventType, _, _ := strings.Cut(line, "\n")
	what, err := about(eventType, []byte(body[at+len("\nMetadata: "):]))
	if err != nil {
		return text{wrong: "its metadata is cut: " + err.Error()}
	}
	return text{what: what}
}

// judgeFiles compares the text files with the events: there is one for each. A
// file with a dot is still being written, and becomes another.
func (r *reconciler) judgeFiles(f *findings, n *counts) error {
	if r.Files == "" {
		return nil
	}
	entries, err := os.ReadDir(r.Files)
	if err != nil {
		return fmt.Errorf("text files: %w; chaos has to run as somebody who may read them", err)
	}
	times := map[string]int{}
	for _, entry := range entries {
		t, ok := r.texts[entry.Name()]
		if !ok {
			content, err := os.ReadFile(filepath.Join(r.Files, entry.Name()))
			if os.IsNotExist(err) {
				continue // it has become another
			}
			if err != nil {
				return fmt.Errorf("text files: %w; chaos has to run as somebody who may read them", err)
			}
			t = textOf(string(content))
		}
		switch info, err := entry.Info(); {
		case err == nil && info.ModTime().Before(r.began): // of others, before us
		case strings.HasPrefix(entry.Name(), "."):
			f.add(torn, entry.Name(), "the text file was begun, and not ended")
		case t.wrong != "":
			f.add(torn, entry.Name(), "the text file is not whole: %s", t.wrong)
		default:
			r.texts[entry.Name()] = t
			times[t.what]++
		}
	}
	for _, e := range r.log.events {
		switch is := times[e.what]; {
		case e.topic == moved:
		case is == 0:
			f.add(loss, e.key, "there is no text file of %s, version %d", e.topic, e.sequence)
		default:
			if n.Files += is; is > 1 {
				f.add(duplicate, e.key, "there are %d text files of %s, version %d", is, e.topic, e.sequence)
			}
		}
	}
	return nil
}
