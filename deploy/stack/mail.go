package stack

import (
	"net"
	"path/filepath"

	"github.com/battery-passport/suite/notification-service/mailsink"
)

// startMail runs a mail server that delivers nothing: each mail becomes a file
// in the data folder.
func (s *Stack) startMail(dir string, cfg *Config) error {
	l, err := s.listen(cfg.MailPort, "MAIL_PORT")
	if err != nil {
		return err
	}
	s.Mails = filepath.Join(dir, "mail")
	sink, err := mailsink.Start(mailsink.Options{Listener: l, Folder: s.Mails})
	if err != nil {
		return err
	}
	s.onEnd(func() { sink.Close() })
	c := &cfg.Notification.Mail
	c.Enabled, c.Host, c.Port, c.TLS = true, "127.0.0.1", l.Addr().(*net.TCPAddr).Port, "none"
	if c.FromEmail == "" {
		c.FromEmail = "no-reply@battery-passport.example"
	}
	return nil
}
