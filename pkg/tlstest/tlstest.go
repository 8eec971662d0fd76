// Package tlstest puts TLS in front of what tests connect to.
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

// Authority vouches for servers and clients of a test, and is known to nobody
// else.
type Authority struct {
	File string // its certificate in PEM

	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority returns an authority whose files go when the test ends.
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

// Server returns what a server at 127.0.0.1 needs.
func (a *Authority) ServerConfig(t *testing.T) *tls.Config {
	t.Helper()
	der, key := a.sign(t, leaf(x509.ExtKeyUsageServerAuth))
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// Pool is the authority alone.
func (a *Authority) CertPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Client returns PEM files of a certificate of a client, and of its key.
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

// sign makes a key and its certificate, which signs itself where there is no
// authority yet.
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

// Proxy listens on 127.0.0.1 with TLS, forwards connections without TLS to target,
// and returns its address. It ends with the test.
func Proxy(t *testing.T, cfg *tls.Config, target string) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var pipes sync.WaitGroup
	pipes.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			pipes.Go(func() { forward(ctx, conn, target) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		cancel()
		pipes.Wait()
	})
	return l.Addr().String()
}

// forward connects conn to target until one of them ends, or ctx is done.
func forward(ctx context.Context, conn net.Conn, target string) {
	defer conn.Close()
	behind, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		return
	}
	end := func() { conn.Close(); behind.Close() }
	defer context.AfterFunc(ctx, end)()
	var back sync.WaitGroup
	back.Go(func() { defer end(); _, _ = io.Copy(conn, behind) })
	_, _ = io.Copy(behind, conn)
	end()
	back.Wait()
}
