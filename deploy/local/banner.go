package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/battery-passport/suite/deploy/stack"
)

// banner returns the text with the addresses of the suite and the first commands.
func banner(dir string, s *stack.Stack) string {
	return fmt.Sprintf(text, dir, s.AuthURL, s.PassportURL, s.DocumentURL, s.NotificationURL,
		strings.Join(s.Brokers, ","), s.S3, cmp.Or(s.MailDir, "sent to SMTP_HOST"), s.NotificationDir)
}

const text = `
The battery passport suite is running. Its data is in %[1]s. Press Ctrl-C to stop it; make reset deletes its data.

  auth-service          %[2]s   %[2]s/docs
  passport-service      %[3]s   %[3]s/docs
  document-service      %[4]s   %[4]s/docs
  notification-service  %[5]s   %[5]s/docs
  Kafka                 %[6]s          make events prints the events
  S3                    %[7]s
  mail                  %[8]s
  text files            %[9]s

The first account can be an admin. Enter in another terminal, in this folder:

  curl -s %[2]s/api/auth/register -H 'Content-Type: application/json' -d '{"email":"admin@nordlicht.example","password":"correct horse battery","role":"admin"}'
  TOKEN=$(curl -s %[2]s/api/auth/login -H 'Content-Type: application/json' -d '{"email":"admin@nordlicht.example","password":"correct horse battery"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
  curl -s %[3]s/api/passports -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d @passport-service/samples/readme-sample.json
  curl -s %[3]s/api/passports -H "Authorization: Bearer $TOKEN"

Mails of the suite are files in the folder of the mail server. Links in mails, such as those to set a new password, can be opened from there.
Registrations need no confirmation here; EMAIL_VERIFICATION=required make run sends mails with links to confirm addresses.
make seed creates accounts of every role, passports and documents.

`
