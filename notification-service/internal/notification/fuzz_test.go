package notification

import (
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// FuzzEvent parses and renders untrusted events. Each is rejected with a permanent error, or
// results in text of limited length, in which values add no lines, and in a valid mail
// address.
func FuzzEvent(f *testing.F) {
	for _, seed := range []struct{ topic, data string }{
		{"user.registered", `{"userId":"ann","email":"ann@nlb.example","role":"user"}`},
		{"user.updated", `{"userId":"ann","email":"x@x.example\r\nBcc: y@x.example","role":"root","disabled":1}`},
		{"passport.created", `{"passportId":"p","createdBy":"ann","modelName":"a\nb\u202e","batteryIdentifier":{"$ne":""}}`},
		{"passport.updated", `{"passportId":"p","updatedFields":["data.a",1,null,["x"]],"updatedBy":"ann"}`},
		{"document.uploaded", `{"docId":"d","fileSize":-1e400,"uploadedBy":"ann","fileName":"{{.}}"}`},
		{"document.deleted", `{"docId":"d\u0000"}`}, {"x\r\ny", `{}`}, {"general.info", `{"title":"x","message":"\u2028"}`}, {"", `null`}, {"passport.published", `{"passportId":"`},
	} {
		f.Add(seed.topic, int64(1700000000), []byte(seed.data))
	}
	f.Fuzz(func(t *testing.T, topic string, seconds int64, data []byte) {
		e := event.Envelope{ID: "1", Source: "/x", Type: topic, Time: time.Unix(seconds, 0), Data: data}
		p, err := parsePayload(e)
		if err == nil {
			var account AccountProjection
			if account, err = parseAccount(e, p); err == nil && account.Email != "" {
				if a, err := mail.ParseAddress(account.Email); err != nil || strings.ContainsAny(a.Address, "\r\n") {
					t.Errorf("invalid address %q", account.Email)
				}
			}
		}
		if err != nil {
			if !fault.Is(err, fault.Malformed) && !fault.Is(err, fault.Invalid) {
				t.Fatalf("%s %s: %v", topic, data, err)
			}
			return
		}
		title, message, err := render(topic, p, e.Time, ISO)
		if err != nil {
			t.Fatal(err)
		}
		text := oneLine(topic) + title + message
		bad := func(c rune) bool {
			return c < ' ' && c != '\n' || c >= '\u202a' && c <= '\u202e' || c == '\u2028'
		}
		if !utf8.ValidString(text) || utf8.RuneCountInString(text) > 5000 || strings.Count(message, "\n") > 20 || strings.ContainsAny(oneLine(topic)+title, "\n") || strings.ContainsFunc(text, bad) {
			t.Errorf("unsafe text: %q %q %q", topic, title, message)
		}
		if metadata, err := newMetadata(e, p); err != nil || wire.Check([]byte(metadata)) != nil {
			t.Errorf("metadata %s, %v", metadata, err)
		}
	})
}
