package rest

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	minRate = 8 << 10 // bytes a second that a client sends or takes on the whole
	step    = 32 << 10
	// ahead is how far a writer may count what was taken fast, in units of the
	// timeout: the kernel takes megabytes at once, and then nothing for a while.
	ahead = 4
)

// pace gives each step of a transfer its deadline. The peer may stand still for
// the timeout, and keeps up minRate otherwise. Only waiting for it counts.
type pace struct {
	timeout time.Duration
	most    time.Duration // of credit that extends a deadline
	credit  time.Duration // what was moved, at minRate, minus what that took; at most timeout or most
}

func (p *pace) deadline() time.Time { return time.Now().Add(p.timeout + min(p.credit, p.most)) }

func (p *pace) moved(n int, begin time.Time) {
	p.credit = min(p.credit+time.Duration(n)*time.Second/minRate-time.Since(begin), max(p.timeout, p.most))
}

// pacedReader is a request body that is streamed. The response gets a deadline
// when it is written. Where a connection has no deadlines there are none to set.
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
	r.pace.moved(n, begin)
	if errors.Is(err, io.EOF) {
		r.control.SetReadDeadline(time.Time{}) // it would end the context of the handler
	}
	return n, err
}

// pacedWriter writes a response, and keeps errors out of caches.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	pace    pace
}

func (a *API) paceResponse(next http.Handler) http.Handler {
	// Package http may read the rest of a small body before it sends the header.
	p := pace{timeout: a.timeouts.Transfer, most: ahead * a.timeouts.Transfer, credit: a.timeouts.Read}
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
		w.pace.moved(m, begin)
		if n += m; err != nil || n == len(b) {
			return n, err
		}
	}
}

// Unwrap is for http.ResponseController.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher, for the middleware that compresses.
func (w *pacedWriter) Flush() { w.control.Flush() }
