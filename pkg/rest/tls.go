package rest

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// reloadAfter is how long a certificate is used before its files are read again.
const reloadAfter = time.Second

// certificate is a pair of files that may be replaced while the server runs. It
// is safe for concurrent use.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex
	pair   tls.Certificate
	loaded time.Time
	failed string // the last error, which is logged once
}

func newTLS(certFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("TLS_CERT_FILE, TLS_KEY_FILE: %w", err)
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, pair: pair, loaded: time.Now()}
	var suites []uint16 // of TLS 1.2 that authenticate what they encrypt; TLS 1.3 has no others
	for _, s := range tls.CipherSuites() {
		if !strings.Contains(s.Name, "_CBC_") {
			suites = append(suites, s.ID)
		}
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: c.get}, nil
}

// get keeps the certificate it has while the files are missing or half written.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pair := c.pair
	if time.Since(c.loaded) < reloadAfter {
		return &pair, nil
	}
	c.loaded = time.Now()
	next, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err == nil {
		c.pair, c.failed = next, ""
		return &next, nil
	}
	if c.failed != err.Error() {
		c.failed = err.Error()
		c.log.Error("the new certificate cannot be used, the old one stays", "file", c.certFile, "err", err)
	}
	return &pair, nil
}
