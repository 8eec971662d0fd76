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

func TestHTTPSReloadsCertificates(t *testing.T) {
	dir := t.TempDir()
	cfg := rest.Config{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), MaxRequests: 1}
	at := time.Now().Add(-time.Hour)
	first := writeCertificate(t, cfg, at)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	log := &syncBuffer{}
	a := rest.New(rest.Options{Title: "Test Service", Log: slog.New(slog.NewTextHandler(log, nil)), HTTP: cfg})
	c, stop := resttest.Start(t, func(ctx context.Context, own rest.Config) error {
		return rest.Serve(ctx, own.Listener, a, own.Drain)
	})
	defer stop()
	address := strings.TrimPrefix(c.URL, "http://")
	// get sends a request on a new connection that trusts one certificate.
	get := func(trusted *x509.Certificate, change func(*tls.Config)) (*http.Response, error) {
		roots := x509.NewCertPool()
		roots.AddCert(trusted)
		settings := &tls.Config{RootCAs: roots}
		if change != nil {
			change(settings)
		}
		transport := &http.Transport{TLSClientConfig: settings, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		res, err := (&http.Client{Transport: transport}).Get("https://" + address + "/livez")
		if err == nil {
			res.Body.Close()
		}
		return res, err
	}
	res, err := get(first, nil)
	if err != nil || res.StatusCode != 200 || res.ProtoMajor != 2 || res.Header.Get("Strict-Transport-Security") == "" {
		t.Fatalf("%+v, %v", res, err)
	}
	if _, err := get(first, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: %v", err)
	}
	if _, err := get(first, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }); err != nil {
		t.Errorf("TLS 1.2: %v", err)
	}
	for suite, taken := range map[uint16]bool{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: true, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: false} {
		roots := x509.NewCertPool()
		roots.AddCert(first)
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
		if (err == nil) != taken {
			t.Errorf("%s: %v", tls.CipherSuiteName(suite), err)
		}
		if err == nil {
			conn.Close()
		}
	}
	plain, err := http.Get("http://" + address + "/livez")
	if err != nil || plain.StatusCode != 400 {
		t.Errorf("HTTP: %+v, %v", plain, err)
	} else {
		plain.Body.Close()
	}

	waitFor := func(failure string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(8 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s:\n%s", failure, log)
			}
		}
	}
	// A new certificate is loaded.
	second := writeCertificate(t, cfg, at.Add(time.Minute))
	waitFor("the new certificate is not used", func() bool { _, err := get(second, nil); return err == nil })
	if _, err := get(first, nil); err == nil {
		t.Error("the old certificate is still used")
	}
	// With a broken key file, the old certificate is used and the error is logged once.
	write(t, cfg.KeyFile, []byte("nonsense"), at.Add(2*time.Minute))
	begin := time.Now()
	waitFor("timeout", func() bool {
		if _, err := get(second, nil); err != nil {
			t.Errorf("with a broken key file: %v", err)
		}
		return time.Since(begin) > 2500*time.Millisecond
	})
	if n := strings.Count(log.String(), "keeping the old one"); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, log)
	}
	os.Remove(cfg.CertFile)
	if _, err := get(second, nil); err != nil {
		t.Errorf("without the certificate file: %v", err)
	}
	// A certificate that was read when its key file was incomplete is loaded after the
	// file is complete, although the modification time is the same.
	third := writeCertificate(t, cfg, at.Add(3*time.Minute))
	whole, err := os.ReadFile(cfg.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	write(t, cfg.KeyFile, whole[:len(whole)/2], at.Add(3*time.Minute))
	waitFor("the incomplete key file was not read", func() bool {
		if _, err := get(second, nil); err != nil {
			t.Errorf("with an incomplete key file: %v", err)
		}
		return strings.Contains(log.String(), "PEM")
	})
	write(t, cfg.KeyFile, whole, at.Add(3*time.Minute))
	waitFor("the complete key file was not loaded", func() bool { _, err := get(third, nil); return err == nil })
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
