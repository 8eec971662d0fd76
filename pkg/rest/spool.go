package rest

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

const (
	spoolMemory = 256 << 10 // bytes that wait in memory
	maxSpool    = 1 << 30   // bytes that wait in the file
	spoolPiece  = 64 << 10
)

// spool sends a response in the background. Until the client reads it, the response waits in
// memory, and then in a temporary file. It has one writer.
type spool struct {
	w       http.ResponseWriter
	control *http.ResponseController
	slot    *slot // of the request
	done    chan struct{}

	mu      sync.Mutex
	changed *sync.Cond
	memory  []byte
	file    *os.File // after the content of memory; nil until it is needed
	begin   int64    // of the content of the file that is not sent
	end     int64
	full    error // why no more lines can wait; those before are sent
	last    []byte
	closed  bool
	err     error // of the client, or while the file is read
}

// errSpoolFull is the error of a response that the client does not read.
var errSpoolFull = fault.New(fault.TooLarge, "the client must read the response: %d MiB are waiting", maxSpool>>20)

func newSpool(w http.ResponseWriter, slot *slot) *spool {
	s := &spool{w: w, control: http.NewResponseController(w), slot: slot, done: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	slot.spool()
	go s.run()
	return s
}

// write adds a line to the response. It fails with context.Canceled if the client has
// disconnected, and with a fault if the line cannot wait.
func (s *spool) write(line []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed.Signal()
	switch {
	case s.err != nil:
		return errors.Join(context.Canceled, s.err)
	case s.full != nil:
	case s.end == 0 && len(s.memory)+len(line) <= spoolMemory:
		s.memory = append(s.memory, line...)
	case s.end-s.begin > maxSpool:
		s.full = errSpoolFull
	default:
		s.full = s.spill(line)
	}
	return s.full
}

// spill adds a line to the file. If that fails, the line is not sent.
func (s *spool) spill(line []byte) (err error) {
	if s.file == nil {
		if s.file, err = os.CreateTemp("", "response-"); err != nil {
			return errNoSpace(err)
		}
		os.Remove(s.file.Name()) // if it fails, the file remains until the system removes it
	}
	if _, err := s.file.WriteAt(line, s.end); err != nil {
		return errNoSpace(err)
	}
	s.end += int64(len(line))
	return nil
}

func errNoSpace(err error) error {
	return fault.New(fault.Unavailable, "the service has no space for the response at the moment: read it while you send the file").Because(err)
}

// next returns the next piece of the response, or nil at the end.
func (s *spool) next() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.memory) == 0 && s.begin == s.end && !s.closed && s.err == nil {
		s.changed.Wait()
	}
	if len(s.memory) > 0 {
		piece := s.memory
		s.memory = nil
		return piece
	}
	if s.begin == s.end || s.err != nil {
		last := s.last
		s.last = nil
		return last
	}
	piece := make([]byte, min(spoolPiece, s.end-s.begin))
	if _, s.err = s.file.ReadAt(piece, s.begin); s.err != nil {
		return nil
	}
	if s.begin += int64(len(piece)); s.begin == s.end { // begin the file again
		s.begin, s.end = 0, 0
	}
	return piece
}

func (s *spool) run() {
	defer close(s.done)
	for piece := s.next(); piece != nil; piece = s.next() {
		if err := s.send(piece); err != nil {
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
			return
		}
	}
}

func (s *spool) send(piece []byte) (err error) {
	defer fault.Recover(&err)
	if _, err = s.w.Write(piece); err == nil {
		err = s.control.Flush()
	}
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// close sends the rest and the last line. The client may take the timeout for the piece that it
// is reading; after that the deadlines of each write apply.
func (s *spool) close(last []byte, timeout time.Duration) error {
	s.mu.Lock()
	s.closed, s.last = true, last
	s.changed.Signal()
	s.mu.Unlock()
	deadline := time.Now().Add(timeout)
	if s.slot == nil {
		_ = s.control.SetWriteDeadline(deadline) // a test recorder has none
	}
	s.slot.unspool(deadline)
	<-s.done
	if s.file != nil {
		s.file.Close() // it is removed already
	}
	return s.err
}
