package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
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

// pacedReader reads a request body and sets the read deadline of the connection.
// pacedWriter sets the write deadline. Errors of setting deadlines are ignored: the
// connection of a test recorder has none.
type pacedReader struct {
	body    io.Reader
	control *http.ResponseController
	pace    pace
	slot    *slot

	mu      sync.Mutex // of deadlines
	aborted bool
	ended   bool
}

// newPacedReader returns a reader of the request body, whose client may pause for the
// timeout. It exchanges the slot of the request
// for a transfer, and fails with fault.Unavailable if all are in use.
func newPacedReader(w http.ResponseWriter, r *http.Request, timeout time.Duration) (*pacedReader, error) {
	s := stateOf(r.Context())
	err := s.transfer(r.Context())
	return &pacedReader{body: r.Body, control: http.NewResponseController(w), pace: pace{timeout: timeout}, slot: s.slot}, err
}

// abort makes the current and all later calls of Read fail, unless the body has ended. It is
// safe for concurrent use.
func (r *pacedReader) abort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return // an expired deadline would end the next request of the connection
	}
	r.aborted = true
	r.control.SetReadDeadline(past)
}

// setDeadline sets the deadline of Read, unless it is aborted.
func (r *pacedReader) setDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.aborted {
		t = past
	}
	return r.control.SetReadDeadline(t)
}

func (r *pacedReader) isAborted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.aborted
}

// end notes the end of the body. An expired read deadline would cancel the context of the handler.
func (r *pacedReader) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.control.SetReadDeadline(time.Time{})
}

func (r *pacedReader) Read(b []byte) (int, error) {
	if r.isAborted() {
		return 0, context.Canceled
	}
	begin := time.Now()
	r.slot.begin(reading, r.setDeadline, r.pace.deadline())
	r.control.SetWriteDeadline(time.Time{})
	n, err := r.body.Read(b)
	r.pace.update(n, begin)
	if errors.Is(err, io.EOF) {
		r.end()
	}
	return n, r.slot.end(reading, n, err)
}

// maxBuffered is the size of a response in bytes that is sent after its slot is released.
const maxBuffered = 16 << 10

// pacedWriter writes a response with deadlines, and forbids caches to store errors. It
// sends a short response after the handler has returned, and exchanges the slot of the
// request for a transfer before it sends a longer one.
type pacedWriter struct {
	http.ResponseWriter
	request *http.Request
	control *http.ResponseController
	pace    pace
	status  int // 0: not set yet
	buffer  []byte
	sending bool  // the header is sent
	err     error // of the exchange; the response is a problem then
}

func (a *API) paceResponse(next http.Handler) http.Handler {
	// The initial credit is for package http, which may read the rest of a small request
	// body before it sends the header.
	p := pace{timeout: a.timeouts.Transfer, maxCredit: creditFactor * a.timeouts.Transfer, credit: a.timeouts.Read}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paced := &pacedWriter{ResponseWriter: w, request: r, control: http.NewResponseController(w), pace: p}
		next.ServeHTTP(paced, r)
		if !paced.sending {
			if len(paced.buffer) > 0 && w.Header().Get("Content-Length") == "" {
				w.Header().Set("Content-Length", strconv.Itoa(len(paced.buffer)))
			}
			paced.send()
		}
	})
}

// WriteHeader implements http.ResponseWriter. Until the header is sent, a second call
// replaces the response, for example after a panic.
func (w *pacedWriter) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		w.Header().Set("Cache-Control", NoStore)
	}
	w.status, w.buffer = status, nil
}

func (w *pacedWriter) Write(b []byte) (int, error) {
	if !w.sending && len(w.buffer)+len(b) <= maxBuffered {
		w.buffer = append(w.buffer, b...)
		return len(b), nil
	}
	if err := w.start(); err != nil {
		return 0, err
	}
	return w.write(b)
}

// start sends the header and the buffer, if that has not happened yet. If all
// transfers are in use, it sends a problem instead and fails.
func (w *pacedWriter) start() error {
	if w.sending {
		return w.err
	}
	if err := stateOf(w.request.Context()).transfer(w.request.Context()); err != nil {
		for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Disposition", "Accept-Ranges", "ETag", "Last-Modified"} {
			w.Header().Del(name)
		}
		WriteProblem(w, w.request, err)
		w.err = err
	}
	return errors.Join(w.send(), w.err)
}

func (w *pacedWriter) send() error {
	w.sending = true
	if w.Header().Get("Content-Type") == "text/html" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8") // the API reference omits it
	}
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
	}
	_, err := w.write(w.buffer)
	w.buffer = nil
	return err
}

func (w *pacedWriter) write(b []byte) (n int, err error) {
	slot := stateOf(w.request.Context()).slot
	for n < len(b) && err == nil {
		begin, m := time.Now(), 0
		slot.begin(writing, w.control.SetWriteDeadline, w.pace.deadline())
		m, err = w.ResponseWriter.Write(b[n:min(len(b), n+step)])
		w.pace.update(m, begin)
		err = slot.end(writing, m, err)
		n += m
	}
	return n, err
}

// Unwrap makes http.ResponseController work.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher, which the compression middleware needs.
func (w *pacedWriter) Flush() {
	if w.start() == nil {
		w.control.Flush()
	}
}
