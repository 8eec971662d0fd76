package rest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// writeCertificate writes a self-signed certificate for 127.0.0.1 and its key with the
// modification time at, and returns the certificate.
func writeCertificate(t *testing.T, cfg rest.Config, at time.Time) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(at.UnixNano()), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, cfg.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), at)
	write(t, cfg.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), at)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func write(t *testing.T, name string, data []byte, at time.Time) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

// tlsServer is an API that serves HTTPS with a certificate that tests can replace.
type tlsServer struct {
	cfg     rest.Config
	at      time.Time         // modification time of the first certificate
	first   *x509.Certificate // used at the start
	log     *syncBuffer
	address string
}

// startTLS returns a server that has loaded its first certificate.
func startTLS(t *testing.T) *tlsServer {
	t.Helper()
	dir := t.TempDir()
	s := &tlsServer{
		cfg: rest.Config{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), MaxRequests: 1},
		at:  time.Now().Add(-time.Hour), log: &syncBuffer{},
	}
	s.first = writeCertificate(t, s.cfg, s.at)
	if err := s.cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	a := rest.New(rest.Options{Document: rest.Document{Title: "Test Service"}, Log: slog.New(slog.NewTextHandler(s.log, nil)), HTTP: s.cfg})
	c, stop := resttest.Start(t, func(ctx context.Context, own rest.Config) error { return rest.Serve(ctx, own.Listener, a, own.Drain) })
	t.Cleanup(stop)
	s.address = strings.TrimPrefix(c.URL, "http://")
	if _, err := s.get(s.first, &tls.Config{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// get sends a request on a new connection that trusts one certificate.
func (s *tlsServer) get(trusted *x509.Certificate, settings *tls.Config) (*http.Response, error) {
	settings.RootCAs = x509.NewCertPool()
	settings.RootCAs.AddCert(trusted)
	transport := &http.Transport{TLSClientConfig: settings, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get("https://" + s.address + "/livez")
	if err == nil {
		res.Body.Close()
	}
	return res, err
}

// TestHTTPS: an HTTPS port accepts TLS 1.2 and 1.3 with the recommended cipher suites,
// sends Strict-Transport-Security, and refuses plain HTTP.
func TestHTTPS(t *testing.T) {
	s := startTLS(t)
	res, err := s.get(s.first, &tls.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if hsts := res.Header.Get("Strict-Transport-Security"); res.StatusCode != 200 || res.ProtoMajor != 2 || res.TLS.Version != tls.VersionTLS13 || hsts != "max-age=31536000" {
		t.Errorf("got %s %d, %s, Strict-Transport-Security %q; want HTTP/2.0 200, TLS 1.3, a year", res.Proto, res.StatusCode, tls.VersionName(res.TLS.Version), hsts)
	}
	if _, err := s.get(s.first, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: got error %v, want a protocol version error", err)
	}
	for suite, accepted := range map[uint16]bool{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: true, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: false} {
		if _, err := s.get(s.first, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}}); (err == nil) != accepted {
			t.Errorf("TLS 1.2 with %s: got error %v, want accepted %t", tls.CipherSuiteName(suite), err, accepted)
		}
	}
	plain, err := http.Get("http://" + s.address + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Body.Close()
	if plain.StatusCode != 400 {
		t.Errorf("plain HTTP: got %d, want 400", plain.StatusCode)
	}
}

func TestHTTPSReloadsCertificates(t *testing.T) {
	s := startTLS(t)
	get := func(trusted *x509.Certificate) error {
		_, err := s.get(trusted, &tls.Config{})
		return err
	}
	// A new certificate is loaded.
	second := writeCertificate(t, s.cfg, s.at.Add(time.Minute))
	waittest.Until(t, "the new certificate is used", func() bool { return get(second) == nil })
	if get(s.first) == nil {
		t.Error("the old certificate is still used")
	}
	// With a broken key file, the old certificate is used and the error is logged once,
	// although the server checks the files more than once in this time.
	write(t, s.cfg.KeyFile, []byte("nonsense"), s.at.Add(2*time.Minute))
	waittest.Until(t, "the broken key file is read", func() bool {
		return get(second) == nil && strings.Contains(s.log.String(), "keeping the old one")
	})
	for begin := time.Now(); time.Since(begin) < 2500*time.Millisecond; time.Sleep(20 * time.Millisecond) {
		if err := get(second); err != nil {
			t.Fatalf("with a broken key file: %v", err)
		}
	}
	if n := strings.Count(s.log.String(), "keeping the old one"); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, s.log)
	}
	os.Remove(s.cfg.CertFile)
	waittest.Until(t, "the missing file is reported", func() bool {
		if err := get(second); err != nil {
			t.Errorf("without the certificate file: %v", err)
		}
		return strings.Contains(s.log.String(), "no such file")
	})
	unreadable := strings.Count(s.log.String(), "PEM")
	// A certificate that was read when its key file was incomplete is loaded after the
	// file is complete, although the modification time is the same.
	third := writeCertificate(t, s.cfg, s.at.Add(3*time.Minute))
	whole, err := os.ReadFile(s.cfg.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s.cfg.KeyFile, whole[:len(whole)/2], s.at.Add(3*time.Minute))
	waittest.Until(t, "the incomplete key file was read", func() bool {
		if err := get(second); err != nil {
			t.Errorf("with an incomplete key file: %v", err)
		}
		return strings.Count(s.log.String(), "PEM") > unreadable
	})
	write(t, s.cfg.KeyFile, whole, s.at.Add(3*time.Minute))
	waittest.Until(t, "the complete key file is loaded", func() bool { return get(third) == nil })
}

func TestTLSFilesAreValidated(t *testing.T) {
	dir := t.TempDir()
	cfg := rest.Config{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), MaxRequests: 1}
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "TLS_CERT_FILE") {
		t.Errorf("without files: %v", err)
	}
	other := rest.Config{CertFile: cfg.CertFile, KeyFile: filepath.Join(dir, "other.pem")}
	writeCertificate(t, other, time.Now())
	writeCertificate(t, cfg, time.Now())
	other.MaxRequests = 1
	if err := other.Validate(); err == nil || !strings.Contains(err.Error(), "TLS_CERT_FILE") {
		t.Errorf("with the key of another certificate: %v", err)
	}
}
