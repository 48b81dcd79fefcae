package observe

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// sinkSize bounds what waits in a Sink.
const sinkSize = 256 << 10

// A Sink is a writer that never makes anybody wait: what is written to it goes to another
// writer in the background, in order, and what comes while too much waits is dropped and
// counted. A process must go on, and be able to end, when nobody reads what it says.
type Sink struct {
	w io.Writer

	mu      sync.Mutex
	waiting []byte
	dropped int           // writes, since the last that was kept
	idle    chan struct{} // closed when all is written; nil: it is
}

// NewSink returns a sink in front of w.
func NewSink(w io.Writer) *Sink { return &Sink{w: w} }

// Write takes p, or drops it as a whole. It never fails.
func (s *Sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting)+len(p) > sinkSize {
		s.dropped++
		return len(p), nil
	}
	s.waiting = append(s.waiting, p...)
	if s.idle == nil {
		s.idle = make(chan struct{})
		go s.write()
	}
	return len(p), nil
}

// write writes what waits, until nothing does.
func (s *Sink) write() {
	for {
		s.mu.Lock()
		now := s.waiting
		s.waiting = nil
		if s.dropped > 0 {
			now = fmt.Appendf(now, "(nobody read this: %d lines were dropped)\n", s.dropped)
			s.dropped = 0
		}
		if len(now) == 0 {
			close(s.idle)
			s.idle = nil
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		_, _ = s.w.Write(now) // there is nowhere left to say that it failed
	}
}

// Flush waits until what was written so far is out, but no longer than within.
func (s *Sink) Flush(within time.Duration) {
	s.mu.Lock()
	idle := s.idle
	s.mu.Unlock()
	if idle == nil {
		return
	}
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-idle:
	case <-late.C:
	}
}
