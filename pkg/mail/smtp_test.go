package mail_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/mail"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/task"
)

// certificate returns a server configuration with a certificate for 127.0.0.1, and the pool
// that trusts it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

func TestTLS(t *testing.T) {
	server, roots := certificate(t)
	plain := sink(t, mailsink.Options{})
	start := sink(t, mailsink.Options{TLS: server})
	implicit := sink(t, mailsink.Options{TLS: server, Implicit: true})
	for name, c := range map[string]struct {
		server *mailsink.Server
		tls    string
		roots  *x509.CertPool
		ok     bool
	}{
		"STARTTLS":                         {start, "auto", roots, true},
		"STARTTLS by setting":              {start, "starttls", roots, true},
		"no TLS by setting":                {plain, "none", nil, true},
		"server without STARTTLS":          {plain, "auto", roots, false},
		"untrusted certificate":            {start, "auto", nil, false},
		"implicit TLS":                     {implicit, "implicit", roots, true},
		"implicit TLS, untrusted":          {implicit, "implicit", nil, false},
		"implicit TLS, server without TLS": {plain, "implicit", roots, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(c.server.Mails())
			cfg := config(t, c.server.Addr, c.tls)
			cfg.Roots = c.roots
			sender := mail.New(cfg)
			err := sender.Send(t.Context(), message())
			if _, refused := errors.AsType[*task.Refusal](err); refused || (err == nil) != c.ok {
				t.Fatalf("Send = %v", err)
			}
			if err := sender.Ping(t.Context()); (err == nil) != c.ok {
				t.Errorf("Ping = %v", err)
			}
			if got := c.server.Mails()[before:]; c.ok && (len(got) != 1 || got[0].TLS != (c.tls != "none")) || !c.ok && len(got) > 0 {
				t.Errorf("mails %+v", got)
			}
		})
	}
}

func TestSMTPErrors(t *testing.T) {
	server, roots := certificate(t)
	codes := map[string]int{"gone@nlb.example": 550, "busy@nlb.example": 451, "closing@nlb.example": 421, "ann@nlb.example": 0}
	s := sink(t, mailsink.Options{TLS: server, User: "suite", Password: "secret", CheckRecipient: func(to string) error {
		if code := codes[to]; code != 0 {
			return mailsink.Refuse(code, "no "+to)
		}
		return nil
	}})
	cfg := config(t, s.Addr, "auto")
	cfg.User, cfg.Password, cfg.Roots = "suite", "secret", roots
	for to, code := range codes {
		m := message()
		m.To = to
		err := mail.New(cfg).Send(t.Context(), m)
		r, refused := errors.AsType[*task.Refusal](err)
		if refused != (code == 550 || code == 451) || (err == nil) != (code == 0) || refused && (r.Final != (code == 550) || !strings.Contains(r.Reason, "no <recipient>")) {
			t.Errorf("to %s: %v", to, err)
		}
	}
	// A wrong password or a server that is down is an outage: no mail is refused.
	wrong, down := cfg, config(t, resttest.UnusedAddress(t), "none")
	wrong.Password = "other"
	for name, cfg := range map[string]mail.Config{"password": wrong, "down": down} {
		err := mail.New(cfg).Send(t.Context(), message())
		if _, refused := errors.AsType[*task.Refusal](err); err == nil || refused || strings.Contains(err.Error(), cfg.Password) && cfg.Password != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(s.Mails()) != 1 {
		t.Errorf("%d mails, want 1", len(s.Mails()))
	}
}
