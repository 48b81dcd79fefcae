package forward

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// A session is one attempt of a Conn's to have a connection, and the connection.
type session struct {
	up   chan struct{} // closed when it is there
	lost chan struct{} // closed when it is not there any more, or will never be
	next chan struct{} // closed when another session has taken its place

	conn   net.Conn
	writer *writer
	usable atomic.Bool

	// Guarded by mu.
	mu      sync.Mutex
	err     error // why it was lost
	over    bool
	pending map[uint64]*pending
	lastID  uint64
}

// A pending call waits for its answer.
type pending struct {
	answered chan reply // takes one
	timer    *time.Timer
}

// A reply is a call's answer and the frame that it stands in. The frame is nil if the
// connection was lost.
type reply struct {
	answer
	frame *frame
}

var waits = sync.Pool{New: func() any {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &pending{answered: make(chan reply, 1), timer: timer}
}}

func newSession() *session {
	return &session{
		up: make(chan struct{}), lost: make(chan struct{}), next: make(chan struct{}),
		pending: make(map[uint64]*pending),
	}
}

func (s *session) live() bool { return s.usable.Load() }

// begin makes the session use a connection.
func (s *session) begin(conn net.Conn) error {
	w, err := newWriter(conn, func(int, int64) {}, s.unwritable)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, magic); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return s.err
	}
	s.conn, s.writer = conn, w
	s.usable.Store(true)
	close(s.up)
	return nil
}

// unwritable takes no more calls. If the process has closed the connection, its last
// answers may still be read.
func (s *session) unwritable(err error) {
	s.usable.Store(false)
	if !gone(err) {
		s.end(err)
	}
}

// end fails all calls that wait.
func (s *session) end(err error) {
	s.usable.Store(false)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.over, s.err = true, err
	close(s.lost)
	if s.conn != nil {
		_ = s.conn.Close() // nobody waits for anything from it
	}
	for id, p := range s.pending {
		delete(s.pending, id)
		p.answered <- reply{}
	}
}

// reason says why the session was lost, or was not connected yet.
func (s *session) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return fmt.Errorf("no connection within %v", connectWithin)
	}
	return s.err
}

// exchange sends a call and waits for its answer, whose frame is then to be freed.
func (s *session) exchange(ctx context.Context, call *Call, req proto.Message) (reply, error) {
	p := waits.Get().(*pending)
	defer waits.Put(p)
	if !s.expect(call, p) {
		return reply{}, fmt.Errorf("%w: %w", ErrLost, s.reason())
	}
	if err := s.send(call, req); err != nil {
		s.forget(call.id, p)
		return reply{}, err
	}
	var late <-chan time.Time
	if !call.Deadline.IsZero() {
		p.timer.Reset(time.Until(call.Deadline))
		defer p.timer.Stop()
		late = p.timer.C
	}
	var r reply
	var err error
	select {
	case r = <-p.answered:
	case <-ctx.Done():
		r, err = s.forget(call.id, p), ctx.Err()
	case <-late:
		r, err = s.forget(call.id, p), ErrLate
	}
	switch {
	case r.frame != nil: // maybe in the last moment
		return r, nil
	case err != nil:
		return reply{}, err
	}
	return reply{}, fmt.Errorf("%w: %w", ErrLost, s.reason())
}

// expect gives a call its id, and p what comes of it. It returns false if the connection
// is lost.
func (s *session) expect(call *Call, p *pending) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	s.lastID++
	call.id = s.lastID
	s.pending[call.id] = p
	return true
}

// forget takes a call off those that wait. It gives the answer if it came meanwhile.
func (s *session) forget(id uint64, p *pending) reply {
	s.mu.Lock()
	_, waits := s.pending[id]
	delete(s.pending, id)
	s.mu.Unlock()
	if waits {
		return reply{}
	}
	return <-p.answered // on its way
}

// send sends a call.
func (s *session) send(call *Call, req proto.Message) error {
	w, size := s.writer, proto.Size(req)
	if size > maxTogether {
		const room = 1 << 10 // for what goes before the message
		frame, err := appendCall(make([]byte, 0, size+room), call, time.Now(), req, size)
		if err != nil {
			return unsendable(err)
		}
		w.mu.Lock()
		w.addLarge(frame, 0)
		w.release()
		return nil
	}
	now := time.Now()
	w.mu.Lock()
	tail, err := appendCall(w.next.tail, call, now, req, size)
	if err != nil {
		w.mu.Unlock()
		return unsendable(err)
	}
	w.addTail(tail)
	w.release()
	return nil
}

func unsendable(err error) error {
	return status.Errorf(codes.ResourceExhausted, "the request cannot be sent: %v", err)
}

// read takes answers to those who wait, until the connection is lost.
func (s *session) read() {
	r := bufio.NewReaderSize(s.conn, keptFrame)
	for {
		f, err := readFrame(r, maxAnswer)
		if err != nil {
			s.end(err)
			return
		}
		a, err := parseAnswer(f.buf)
		if err != nil {
			s.end(err)
			return
		}
		s.mu.Lock()
		p := s.pending[a.id]
		delete(s.pending, a.id)
		s.mu.Unlock()
		if p == nil { // its caller has given up
			f.free()
			continue
		}
		p.answered <- reply{answer: a, frame: f}
	}
}
