package rest

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	minRate = 8 << 10  // average bytes per second that a client must send or receive
	step    = 32 << 10 // bytes that are written with one deadline
	// creditFactor is the maximum credit of a writer, in units of the timeout: the kernel may
	// take megabytes at once, and then nothing for a while.
	creditFactor = 4
)

// pace computes the deadline for each step of a transfer. A client may pause for the
// timeout, and must otherwise transfer at minRate. Only the time spent waiting for the
// client counts.
type pace struct {
	timeout   time.Duration
	maxCredit time.Duration // maximum credit that extends a deadline
	credit    time.Duration // time that the transferred bytes take at minRate, minus the time they took
}

func (p *pace) deadline() time.Time { return time.Now().Add(p.timeout + min(p.credit, p.maxCredit)) }

func (p *pace) update(n int, begin time.Time) {
	p.credit = min(p.credit+time.Duration(n)*time.Second/minRate-time.Since(begin), max(p.timeout, p.maxCredit))
}

// pacedReader reads a streamed request body and sets the read deadline of the connection.
// pacedWriter sets the write deadline. Errors of setting deadlines are ignored: the
// connection of a test recorder has none.
type pacedReader struct {
	body    io.Reader
	control *http.ResponseController
	pace    pace
}

func newPacedReader(w http.ResponseWriter, r *http.Request, body io.Reader) *pacedReader {
	return &pacedReader{body, http.NewResponseController(w), pace{timeout: stateOf(r.Context()).timeouts.Transfer}}
}

func (r *pacedReader) Read(b []byte) (int, error) {
	begin := time.Now()
	r.control.SetReadDeadline(r.pace.deadline())
	r.control.SetWriteDeadline(time.Time{})
	n, err := r.body.Read(b)
	r.pace.update(n, begin)
	if errors.Is(err, io.EOF) {
		r.control.SetReadDeadline(time.Time{}) // an expired read deadline would cancel the context of the handler
	}
	return n, err
}

// pacedWriter writes a response with deadlines, and forbids caches to store errors.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	pace    pace
}

func (a *API) paceResponse(next http.Handler) http.Handler {
	// The initial credit is for package http, which may read the rest of a small request
	// body before it sends the header.
	p := pace{timeout: a.timeouts.Transfer, maxCredit: creditFactor * a.timeouts.Transfer, credit: a.timeouts.Read}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&pacedWriter{w, http.NewResponseController(w), p}, r)
	})
}

// WriteHeader implements http.ResponseWriter.
func (w *pacedWriter) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		w.Header().Set("Cache-Control", NoStore)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *pacedWriter) Write(b []byte) (n int, err error) {
	for {
		begin := time.Now()
		w.control.SetWriteDeadline(w.pace.deadline())
		m, err := w.ResponseWriter.Write(b[n:min(len(b), n+step)])
		w.pace.update(m, begin)
		if n += m; err != nil || n == len(b) {
			return n, err
		}
	}
}

// Unwrap makes http.ResponseController work.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher, which the compression middleware needs.
func (w *pacedWriter) Flush() { w.control.Flush() }
