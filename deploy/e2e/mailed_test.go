package e2e

import (
	"io"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/battery-passport/suite/pkg/waittest"
)

var tokenPattern = regexp.MustCompile(`\?token=([A-Za-z0-9_-]{20,})`)

// mailedToken waits for a mail to an address with a link to a page of the auth-service, and returns the
// token of the newest one.
func (s *suite) mailedToken(address, path string) (token string) {
	s.t.Helper()
	waittest.Until(s.t, "a mail to "+address+" with a link to "+path, func() bool {
		files, err := filepath.Glob(filepath.Join(s.stack.MailDir, "*.eml")) // sorted by time
		if err != nil {
			s.t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				s.t.Fatal(err)
			}
			text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(string(data))))
			if err != nil || !strings.Contains(string(data), "To: <"+address+">") || !strings.Contains(string(text), path) {
				continue // also a mail that is not complete yet
			}
			if found := tokenPattern.FindStringSubmatch(string(text)); found != nil {
				token = found[1]
			}
		}
		return token != ""
	})
	return token
}
