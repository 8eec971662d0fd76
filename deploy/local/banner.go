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
The battery passport suite is running, with its data in %[1]s. Ctrl-C stops it; make reset deletes the data.

  auth-service          %[2]s   %[2]s/docs
  passport-service      %[3]s   %[3]s/docs
  document-service      %[4]s   %[4]s/docs
  notification-service  %[5]s   %[5]s/docs
  Kafka                 %[6]s          make events prints the events
  S3                    %[7]s
  mail                  %[8]s
  text files            %[9]s

First steps, in another terminal in this folder. They register an admin, log in, create and publish a passport, and print the
address of its page:

  curl -s %[2]s/api/auth/register -H 'Content-Type: application/json' -d '{"email":"admin@nordlicht.example","password":"correct horse battery","role":"admin"}'
  TOKEN=$(curl -s %[2]s/api/auth/login -H 'Content-Type: application/json' -d '{"email":"admin@nordlicht.example","password":"correct horse battery"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
  ID=$(curl -s %[3]s/api/passports -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d @passport-service/samples/ev-lfp-in-use.json | sed 's/.*"id":"\([^"]*\)","state".*/\1/')
  curl -s -X POST %[3]s/api/passports/$ID/publish -H "Authorization: Bearer $TOKEN" | cut -c 1-200
  echo %[3]s/p/$ID

make seed adds people of every role, passports and documents. Mails are files in the folder above, unless SMTP_HOST is set.
Email addresses need no confirmation here; EMAIL_VERIFICATION=required make run requires it.

`
