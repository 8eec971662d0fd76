package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/battery-passport/suite/deploy/stack"
)

// banner says where everything is, and how to begin.
func banner(dir string, s *stack.Stack) string {
	return fmt.Sprintf(text, dir, s.AuthURL, s.PassportURL, s.DocumentURL, s.NotificationURL,
		strings.Join(s.Brokers, ","), s.S3, cmp.Or(s.Mails, "goes out, by SMTP_HOST"), s.Files)
}

const text = `
The battery passport suite runs. Its data is in %[1]s; Ctrl-C stops it, make reset starts anew.

  auth-service          %[2]s   %[2]s/docs
  passport-service      %[3]s   %[3]s/docs
  document-service      %[4]s   %[4]s/docs
  notification-service  %[5]s   %[5]s/docs
  Kafka                 %[6]s          make events shows what is on its topics
  S3                    %[7]s
  mail                  %[8]s
  text files            %[9]s

The first account may be the admin. In another terminal, in this folder:

  curl -s %[2]s/api/auth/register -H 'Content-Type: application/json' -d '{"email":"admin@nordlicht.example","password":"correct horse battery","role":"admin"}'
  TOKEN=$(curl -s %[2]s/api/auth/login -H 'Content-Type: application/json' -d '{"email":"admin@nordlicht.example","password":"correct horse battery"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
  curl -s %[3]s/api/passports -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d @passport-service/samples/readme-sample.json
  curl -s %[3]s/api/passports -H "Authorization: Bearer $TOKEN"

make seed brings in people of every role, passports and documents.

`
