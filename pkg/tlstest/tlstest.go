// Package tlstest provides certificates and a TLS proxy for tests.
package tlstest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Authority is a certificate authority for one test.
type Authority struct {
	File string // PEM file of its certificate

	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority returns an authority whose files are deleted when the test ends.
func NewAuthority(t *testing.T) *Authority {
	t.Helper()
	a := &Authority{File: filepath.Join(t.TempDir(), "ca.pem")}
	template := x509.Certificate{Subject: pkix.Name{CommonName: "Test Authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, key := a.sign(t, &template)
	write(t, a.File, "CERTIFICATE", der)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, a.key = cert, key
	return a
}

// ServerConfig returns the configuration of a server at 127.0.0.1.
func (a *Authority) ServerConfig(t *testing.T) *tls.Config {
	t.Helper()
	der, key := a.sign(t, leaf(x509.ExtKeyUsageServerAuth))
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// CertPool returns a pool with the certificate of the authority.
func (a *Authority) CertPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// ClientCertificate returns the PEM files of a client certificate and its key.
func (a *Authority) ClientCertificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	der, key := a.sign(t, leaf(x509.ExtKeyUsageClientAuth))
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, certFile, "CERTIFICATE", der)
	write(t, keyFile, "PRIVATE KEY", pkcs8)
	return certFile, keyFile
}

func leaf(use x509.ExtKeyUsage) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use},
	}
}

// sign creates a key and a certificate. The certificate is self-signed while a has
// no certificate of its own.
func (a *Authority) sign(t *testing.T, template *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := template, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

func write(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Proxy listens on 127.0.0.1 with TLS and forwards connections to target without TLS.
// It returns its address and is closed when the test ends.
func Proxy(t *testing.T, cfg *tls.Config, target string) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { forward(ctx, conn, target) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		cancel()
		connections.Wait()
	})
	return l.Addr().String()
}

// forward copies data between conn and target until one of them is closed or ctx is
// done.
func forward(ctx context.Context, conn net.Conn, target string) {
	defer conn.Close()
	upstream, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		return
	}
	closeBoth := func() { conn.Close(); upstream.Close() }
	defer context.AfterFunc(ctx, closeBoth)()
	var responses sync.WaitGroup
	responses.Go(func() { defer closeBoth(); _, _ = io.Copy(conn, upstream) })
	_, _ = io.Copy(upstream, conn)
	closeBoth()
	responses.Wait()
}
