package rest

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// certificate is a pair of files that is read again when one of them changes.
// It is safe for concurrent use.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	changed [2]time.Time // when the files of the pair were
	tried   time.Time    // when they were read last, and failed
	told    string       // what was logged of that
}

// againAfter is how long files that cannot be used are left alone.
const againAfter = time.Second

// newTLS returns the settings of a server with the certificate in the files.
func newTLS(certFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("TLS_CERT_FILE, TLS_KEY_FILE: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites(), NextProtos: []string{"h2", "http/1.1"}, GetCertificate: c.get}, nil
}

// suites are those of TLS 1.2 that authenticate what they encrypt; TLS 1.3 has
// no others.
func suites() (ids []uint16) {
	for _, s := range tls.CipherSuites() {
		if !strings.Contains(s.Name, "_CBC_") {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// get returns the certificate of now. Where what is new cannot be used, the one
// before stays, and the files are read again: they may be half written.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.tried) < againAfter {
		return c.pair, nil
	}
	err := c.load()
	if err == nil {
		c.tried, c.told = time.Time{}, ""
		return c.pair, nil
	}
	c.tried = time.Now()
	if c.told != err.Error() {
		c.told = err.Error()
		c.log.Error("the new certificate cannot be used, the old one stays", "file", c.certFile, "err", err)
	}
	return c.pair, nil
}

// load reads the files if one has changed since they were last of use.
func (c *certificate) load() error {
	var changed [2]time.Time
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		changed[i] = info.ModTime()
	}
	if changed == c.changed {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.pair, c.changed = &pair, changed
	return nil
}
