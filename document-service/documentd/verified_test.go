package documentd_test

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestUnconfirmedAccountReadsButDoesNotUpload: an account must confirm its email address before it uploads.
func TestUnconfirmedAccountReadsButDoesNotUpload(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	body, contentType := form(file("a.pdf", "", pdf))
	ann := auth.Principal{UserID: "ann", Role: auth.User, EmailUnverified: true}
	a := s.Call(upload, s.issuer.Token(t, ann), body, "Content-Type", contentType)
	if a.WantProblem(403); !strings.Contains(a.Text, "the email address of your account is not confirmed") {
		t.Error(a.Text)
	}
	s.Call("GET /api/documents", s.issuer.Token(t, ann), nil).Want(200, nil)
	ann.EmailUnverified = false
	s.Call(upload, s.issuer.Token(t, ann), body, "Content-Type", contentType).Want(201, nil)
}
