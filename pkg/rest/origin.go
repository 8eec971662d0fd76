package rest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// Hosts is a list of host names; *.example.com matches all names that end with
// .example.com.
type Hosts []string

// Decode implements envconfig.Decoder.
func (h *Hosts) Decode(value string) error {
	*h = nil
	for _, text := range fields(strings.ToLower(value)) {
		name := strings.TrimPrefix(text, "*.")
		if u, err := url.Parse("http://" + name); err != nil || u.Hostname() != strings.Trim(name, "[]") || u.Port() != "" || name == "" || strings.Contains(name, "*") {
			return errors.New("each entry must be a host name such as api.example or *.example, without scheme and port")
		}
		*h = append(*h, text)
	}
	return nil
}

// allow reports whether the list is empty or contains the host of a request.
func (h Hosts) allow(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	return len(h) == 0 || slices.ContainsFunc(h, func(allowed string) bool {
		suffix, wildcard := strings.CutPrefix(allowed, "*")
		return wildcard && strings.HasSuffix(host, suffix) && len(host) > len(suffix) || strings.Trim(allowed, "[]") == host
	})
}

// checkSender refuses requests to other hosts, from web pages that may not use the route,
// and with headers or paths that have two meanings.
func (a *API) checkSender(p Policy, r *http.Request) error {
	for _, header := range []string{"Authorization", "Content-Type", "Sec-Fetch-Site"} {
		if len(r.Header.Values(header)) > 1 {
			return errRepeated(header)
		}
	}
	switch {
	case !p.AnyHost && !a.config.allowedHosts().allow(r.Host):
		return fault.New(misdirected, "this service does not serve the host %q", r.Host)
	case !isPlainText(r.URL.Path):
		return fault.New(fault.NotFound, "all paths are UTF-8 without control characters")
	case p.CORS != AnyOrigin && isCrossOrigin(r) && !slices.Contains(a.config.Origins, r.Header.Get("Origin")) && !(p.CORS == LinkedPages && isNavigation(r)):
		return fault.New(fault.Forbidden, "web pages of other origins must not use this path; CORS_ORIGINS lists those that may")
	}
	return nil
}

func errRepeated(header string) error {
	return fault.New(fault.Malformed, "the header %s must not be repeated", header).
		With(fault.Detail{Path: "header:" + header, Code: "duplicate", Message: "must not be repeated"})
}

// isCrossOrigin reports whether a browser says that a page of another origin sent the
// request (W3C Fetch Metadata), or a write has another Origin.
func isCrossOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		origin := r.Header.Get("Origin")
		u, err := url.Parse(origin)
		return origin != "" && r.Method != http.MethodGet && r.Method != http.MethodHead && (err != nil || u.Host != r.Host)
	}
	return true
}

// isNavigation reports whether the request follows a link.
func isNavigation(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// proxyWarning is how long /readyz reports a proxy that is not trusted.
const proxyWarning = 10 * time.Minute

// proxyWatch remembers when a peer that is not trusted sent X-Forwarded-For or Forwarded.
type proxyWatch struct{ last atomic.Int64 } // Unix time in seconds; 0: never

// watchProxies logs the first forwarded request of a peer that is not in TrustedProxies.
func (a *API) watchProxies(r *http.Request) {
	if !a.config.Production || !isForwarded(r) {
		return
	}
	peer := remoteAddr(r)
	for _, p := range a.config.TrustedProxies {
		if p.Contains(peer) {
			return
		}
	}
	if a.proxies.last.Swap(time.Now().Unix()) == 0 {
		a.log.WarnContext(r.Context(), "X-Forwarded-For of a peer that is not trusted is ignored: if the peer is your proxy, set TRUSTED_PROXIES, or all clients share one rate limit", "peer", peer.String())
	}
}

// check implements Check.Probe.
func (p *proxyWatch) check(context.Context) error {
	if last := p.last.Load(); last != 0 && time.Since(time.Unix(last, 0)) < proxyWarning {
		return fault.New(fault.Unavailable, "X-Forwarded-For of a peer that is not in TRUSTED_PROXIES is ignored")
	}
	return nil
}
