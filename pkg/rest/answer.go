package rest

import (
	"net/http"
	"time"
)

// pieceSize is how much of an answer has to be taken in one time: so that who
// reads slowly, and goes on, is told from who stands still.
const pieceSize = 32 << 10

// prompt writes an answer that is not streamed, and holds one of few turns until
// it is taken: each piece within a time, and all within that of an answer. An
// operation that streams has an own deadline for each piece, and says so.
type prompt struct {
	http.ResponseWriter
	state   *requestState
	control *http.ResponseController
	piece   time.Duration // for one
	all     time.Duration // from the first on
	end     time.Time
}

func (a *API) prompt(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&prompt{
			ResponseWriter: w, state: stateOf(r.Context()), control: http.NewResponseController(w),
			piece: a.patience.Take, all: a.patience.Answer,
		}, r)
	})
}

// WriteHeader keeps errors out of caches.
func (p *prompt) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		p.Header().Set("Cache-Control", NoStore)
	}
	p.ResponseWriter.WriteHeader(status)
}

func (p *prompt) Write(b []byte) (n int, err error) {
	if p.state.streams {
		return p.ResponseWriter.Write(b)
	}
	if p.end.IsZero() {
		p.end = time.Now().Add(p.all)
	}
	for {
		piece := b[n:min(len(b), n+pieceSize)]
		deadline := time.Now().Add(p.piece)
		if p.end.Before(deadline) {
			deadline = p.end
		}
		p.control.SetWriteDeadline(deadline) // a recorder has none
		m, err := p.ResponseWriter.Write(piece)
		if n += m; err != nil || n == len(b) {
			return n, err
		}
	}
}

// Unwrap is what http.ResponseController looks for.
func (p *prompt) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// Flush is for what compresses, and does so through no controller.
func (p *prompt) Flush() { p.control.Flush() }
