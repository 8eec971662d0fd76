package rest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Config is the configuration of the HTTP server of a service.
type Config struct {
	Host           string        `envconfig:"HOST" default:"127.0.0.1" desc:"Address to listen on; 0.0.0.0 in a container."`
	Drain          time.Duration `envconfig:"DRAIN_TIMEOUT" default:"4s" min:"0" desc:"How long a stopping service waits for running requests."`
	CertFile       string        `envconfig:"TLS_CERT_FILE" desc:"PEM file with the certificate chain for HTTPS; reloaded when it changes. Empty: HTTP."`
	KeyFile        string        `envconfig:"TLS_KEY_FILE" desc:"PEM file with the private key of TLS_CERT_FILE."`
	TrustedProxies Networks      `envconfig:"TRUSTED_PROXIES" desc:"Addresses and CIDRs of proxies whose X-Forwarded-For is trusted, separated by commas. Empty: the header is ignored."`
	Origins        Origins       `envconfig:"CORS_ORIGINS" desc:"Origins of web pages that may call the API, such as https://app.example, separated by commas; public routes allow all origins."`
	Documents      DocumentURLs  `envconfig:"OPENAPI_URLS" desc:"OpenAPI documents in the menu of /docs, as name=URL separated by commas, such as Auth Service=https://api.example/auth/openapi.json; services on other origins must have the origin of the page in CORS_ORIGINS. Empty: only that of the service."`
	AllowedHosts   Hosts         `envconfig:"ALLOWED_HOSTS" desc:"Host names for which requests are served, such as api.example or *.example, separated by commas; include the names under which other services reach this one. Health checks, keys and revocations are served for every host. Empty: every host or, if HOST is a loopback address and TRUSTED_PROXIES is empty, localhost, 127.0.0.1 and ::1."`
	RateLimit      int           `envconfig:"RATE_LIMIT" default:"6000" min:"0" desc:"Requests per minute of each user or, without a login, of each client network; all users of a network together may send four times as many, but its self-registered accounts without an organisation no more than this. 0: unlimited."`
	MaxRequests    int           `envconfig:"MAX_REQUESTS" default:"256" min:"1" desc:"Concurrent requests in each of three pools: public data, requests of users, and others such as logins. A user, or a network without a login, gets up to a quarter of a pool; an organisation up to half, a network up to three quarters; all self-registered accounts without an organisation together an eighth. Requests above that get 503."`

	Listener        net.Listener // if set, used instead of Host and port
	PublicRateLimit int          // requests per minute of each network in the class PublicRate; 0: unlimited
	Production      bool         // report proxies that are not trusted
	MaxUploads      int          // slots of UploadSlots; 0: defaultMaxUploads
	Timeouts        Timeouts     // zero: the defaults
}

// Timeouts limit how long a service waits for a client.
type Timeouts struct {
	ReadHeader time.Duration
	Read       time.Duration // longest pause while a request body is read, unless it is streamed
	Write      time.Duration // from the end of the request header to the first byte of the response
	Idle       time.Duration // of a connection between two requests
	Transfer   time.Duration // longest pause while a streamed request body or a response is transferred
}

func (t Timeouts) orDefault() Timeouts {
	if t == (Timeouts{}) {
		return Timeouts{ReadHeader: 5 * time.Second, Read: 10 * time.Second, Write: 30 * time.Second, Idle: time.Minute, Transfer: 10 * time.Second}
	}
	return t
}

// allowedHosts returns AllowedHosts or, for a service that only this machine reaches, the
// names of this machine. Otherwise a web page could reach the service under the name of its
// own site (DNS rebinding).
func (c Config) allowedHosts() Hosts {
	address, err := netip.ParseAddr(c.Host)
	local := c.Host == "localhost" || err == nil && address.IsLoopback()
	if local && len(c.AllowedHosts) == 0 && len(c.TrustedProxies) == 0 {
		return Hosts{"localhost", "127.0.0.1", "::1"}
	}
	return c.AllowedHosts
}

// Validate returns an error with a line for each invalid setting.
func (c Config) Validate() error {
	var errs []error
	if _, err := netip.ParseAddr(c.Host); err != nil && c.Host != "" && c.Host != "localhost" {
		errs = append(errs, fmt.Errorf("  HOST: must be localhost or an IP address, got %q", c.Host))
	}
	switch {
	case c.CertFile == "" && c.KeyFile != "":
		errs = append(errs, errors.New("  TLS_CERT_FILE: is missing, TLS_KEY_FILE is set"))
	case c.CertFile != "" && c.KeyFile == "":
		errs = append(errs, errors.New("  TLS_KEY_FILE: is missing, TLS_CERT_FILE is set"))
	case c.CertFile != "":
		if _, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile); err != nil {
			errs = append(errs, fmt.Errorf("  TLS_CERT_FILE: cannot be used with TLS_KEY_FILE: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Networks is a list of addresses and CIDRs.
type Networks []netip.Prefix

// Decode implements envconfig.Decoder.
func (n *Networks) Decode(value string) error {
	*n = nil
	for _, text := range fields(value) {
		p, err := netip.ParsePrefix(text)
		if a, e := netip.ParseAddr(text); e == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return errors.New("each entry must be an IP address or a CIDR")
		}
		*n = append(*n, p)
	}
	return nil
}

// Origins is a list of origins of web pages.
type Origins []string

// Decode implements envconfig.Decoder.
func (o *Origins) Decode(value string) error {
	*o = nil
	for _, text := range fields(value) {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || strings.Contains(text, "*") || u.Scheme != "http" && u.Scheme != "https" || text != u.Scheme+"://"+u.Host {
			return errors.New("each entry must be an origin such as https://app.example, without *")
		}
		*o = append(*o, text)
	}
	return nil
}

// fields splits a list at commas and spaces.
func fields(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// Port is a TCP port; 0 means any free port.
type Port uint16

// Decode implements envconfig.Decoder.
func (p *Port) Decode(value string) error {
	n, err := strconv.ParseUint(value, 10, 16)
	*p = Port(n)
	if err != nil {
		return errors.New("must be a number from 0 to 65535")
	}
	return nil
}

// Listen opens the port of a service. If the port is in use, the error names the
// environment variable that sets it.
func (c Config) Listen(port Port, variable string) (net.Listener, error) {
	if c.Listener != nil {
		return c.Listener, nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort(c.Host, strconv.Itoa(int(port))))
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("HOST: this machine does not have the address %s: %w", c.Host, err)
	case err != nil:
		return nil, fmt.Errorf("%s: cannot listen on port %d: %w", variable, port, err)
	}
	return l, nil
}
