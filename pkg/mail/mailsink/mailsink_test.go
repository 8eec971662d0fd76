package mailsink_test

import (
	"net/smtp"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/battery-passport/suite/pkg/mail/mailsink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestMailsAreStored sends mails with net/smtp.
func TestMailsAreStored(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "mail")
	s, err := mailsink.Start(mailsink.Options{Folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	const content = "Subject: x\r\n\r\nhello\r\n"
	for range 2 {
		if err := smtp.SendMail(s.Addr, nil, "a@nlb.example", []string{"b@nlb.example"}, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.eml"))
	if err != nil || len(files) != 2 || len(s.Mails()) != 2 || s.Mails()[0].To[0] != "b@nlb.example" {
		t.Fatalf("files %v, %v; mails %+v", files, err, s.Mails())
	}
	if got, err := os.ReadFile(files[0]); string(got) != content || err != nil {
		t.Errorf("got %q, %v, want the content of the mail", got, err)
	}
}
