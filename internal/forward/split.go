package forward

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// decideWithin is how long a connection may take to say what it is.
	decideWithin = time.Second
	// maxUndecided is how many may be about to.
	maxUndecided = 64
	// maxWaiting is how many connections of a kind may wait to be accepted.
	maxWaiting = 64
	// acceptAgain is how long to wait after an error that passes, as too many open files.
	acceptAgain = 5 * time.Millisecond
)

// Split tells ln's connections apart: those that carry forwarded calls come out of calls,
// for a [Server], all others out of rest, as if nothing had been read. Each of the two may
// be closed for itself: its connections are then closed when they come. ln is closed with
// the second, and closing ln ends both.
func Split(ln net.Listener) (rest, calls net.Listener) {
	s := &splitter{ln: ln, undecided: make(chan struct{}, maxUndecided)}
	s.rest, s.calls = s.half(), s.half()
	s.open = 2
	go s.accept()
	return s.rest, s.calls
}

type splitter struct {
	ln          net.Listener
	rest, calls *half
	undecided   chan struct{}

	mu   sync.Mutex
	open int // how many halves are
}

// accept runs until the listener is closed.
func (s *splitter) accept() {
	for {
		s.undecided <- struct{}{}
		conn, err := s.ln.Accept()
		if err == nil {
			go func() {
				s.decide(conn)
				<-s.undecided
			}()
			continue
		}
		<-s.undecided
		if t, ok := errors.AsType[interface {
			error
			Temporary() bool
		}](err); ok && t.Temporary() {
			<-time.After(acceptAgain)
			continue
		}
		s.rest.end(err)
		s.calls.end(err)
		return
	}
}

// decide reads a connection's first bytes and gives it to the half that it belongs to.
func (s *splitter) decide(conn net.Conn) {
	var begin [len(magic)]byte
	err := conn.SetReadDeadline(time.Now().Add(decideWithin))
	if err == nil {
		_, err = io.ReadFull(conn, begin[:])
	}
	if err == nil {
		err = conn.SetReadDeadline(time.Time{})
	}
	switch {
	case err != nil: // silent, or gone: somebody looked whether anybody lives here
		_ = conn.Close()
	case string(begin[:]) == magic:
		s.calls.give(conn)
	default:
		s.rest.give(&replayed{Conn: conn, begin: begin[:]})
	}
}

// A half is one of the listeners that come of a split.
type half struct {
	splitter *splitter
	waiting  chan net.Conn
	ended    chan struct{}
	err      error // set before ended is closed
	once     sync.Once
}

var _ net.Listener = (*half)(nil)

func (s *splitter) half() *half {
	return &half{splitter: s, waiting: make(chan net.Conn, maxWaiting), ended: make(chan struct{})}
}

// Accept waits for a connection.
func (h *half) Accept() (net.Conn, error) {
	select {
	case <-h.ended:
		return nil, h.err
	default:
	}
	select {
	case conn := <-h.waiting:
		return conn, nil
	case <-h.ended:
		return nil, h.err
	}
}

// Close closes the half.
func (h *half) Close() error {
	if !h.end(net.ErrClosed) {
		return net.ErrClosed
	}
	s := h.splitter
	s.mu.Lock()
	s.open--
	last := s.open == 0
	s.mu.Unlock()
	if !last {
		return nil
	}
	if err := s.ln.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Addr gives the address of the listener that was split.
func (h *half) Addr() net.Addr { return h.splitter.ln.Addr() }

// end makes Accept return err, if that is the first reason to.
func (h *half) end(err error) (first bool) {
	h.once.Do(func() {
		h.err, first = err, true
		close(h.ended)
		h.refuse()
	})
	return first
}

// give lets a connection wait to be accepted, if there is room.
func (h *half) give(conn net.Conn) {
	select {
	case h.waiting <- conn:
	default:
		_ = conn.Close()
	}
	select {
	case <-h.ended:
		h.refuse()
	default:
	}
}

// refuse closes the connections that wait.
func (h *half) refuse() {
	for {
		select {
		case conn := <-h.waiting:
			_ = conn.Close()
		default:
			return
		}
	}
}

// replayed is a connection some of whose bytes have been read. They are read again.
type replayed struct {
	net.Conn
	begin []byte
}

func (r *replayed) Read(b []byte) (int, error) {
	if len(r.begin) == 0 {
		return r.Conn.Read(b)
	}
	n := copy(b, r.begin)
	r.begin = r.begin[n:]
	return n, nil
}
