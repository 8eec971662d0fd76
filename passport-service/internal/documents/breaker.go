package documents

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"
)

const (
	maxFailures = 3               // of different passports; one slow list does not stop the others
	pause       = 5 * time.Second // without requests
)

var errPaused = errors.New("the document-service has failed; the passport-service will retry in a few seconds")

// statusError is the status of a response other than 200.
type statusError int

func (e statusError) Error() string { return "got status " + strconv.Itoa(int(e)) }

// isOutage reports whether an error concerns the service as a whole, not only one list: a
// connection error, a timeout of the first page of a list, or a status 5xx.
func isOutage(err error, isFirst bool) bool {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return isFirst
	}
	var status statusError
	return errors.As(err, &status) && status >= 500 || errors.As(err, new(*url.Error))
}

// breaker is a circuit breaker: after failures for several passports in a row it allows one
// request per pause, until one succeeds. Without it, every page would wait for a service that
// hangs. It is safe for concurrent use.
type breaker struct {
	mu     sync.Mutex
	failed map[string]bool // passports since the last success
	until  time.Time
}

// allows reports whether a request may be sent.
func (b *breaker) allows(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(b.failed) < maxFailures:
		return true
	case now.Before(b.until):
		return false
	}
	b.until = now.Add(pause) // others wait for the result
	return true
}

// record records whether the service has failed to list the documents of a passport.
func (b *breaker) record(now time.Time, passportID string, failed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = now.Add(pause)
	switch {
	case !failed:
		b.failed = nil
	case b.failed == nil:
		b.failed = map[string]bool{passportID: true}
	case len(b.failed) < maxFailures:
		b.failed[passportID] = true
	}
}
