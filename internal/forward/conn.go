package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	// connectWithin is how long a call waits for a connection.
	connectWithin = 20 * time.Millisecond
	// The pause before connecting again.
	firstPause = 2 * time.Millisecond
	lastPause  = 16 * time.Millisecond
	// steady is how long a connection must have lasted for the next pause to be the first.
	steady = time.Second
	// dialWithin bounds an attempt: a listener whose queue is full makes it wait.
	dialWithin = time.Second
)

// Errors of calls that no handler has answered.
var (
	// ErrLost says that there was no connection, or that it was lost before the answer:
	// the call may have been run, or not.
	ErrLost = errors.New("the connection to the process is lost")
	// ErrLate says that there was no answer by the call's deadline.
	ErrLate = errors.New("the process has not answered in time")
	// errClosed is why a closed Conn has lost its connection.
	errClosed = errors.New("it is closed")
)

// A Conn sends calls to the process that listens on a unix socket. It connects by itself,
// again and again. It is safe for concurrent use.
type Conn struct {
	path   string
	life   context.Context // until Close
	end    context.CancelFunc
	ended  chan struct{}           // when nothing is left
	latest atomic.Pointer[session] // in use, or the last one
}

// Dial returns a connection to the socket at path, which is made in the background.
func Dial(path string) *Conn {
	c := &Conn{path: path, ended: make(chan struct{})}
	c.latest.Store(newSession())
	c.life, c.end = context.WithCancel(context.Background())
	go c.run()
	return c
}

// Close fails all calls in progress with ErrLost.
func (c *Conn) Close() error {
	c.end()
	<-c.ended
	return nil
}

// Lost returns a channel that is closed when the connection is lost or cannot be made.
func (c *Conn) Lost() <-chan struct{} { return c.latest.Load().lost }

// Invoke sends a call with the request req and waits for its answer, which it reads into
// reply. It returns the handler's error as a status; ErrLost; ErrLate; ctx's error when
// ctx ends.
func (c *Conn) Invoke(ctx context.Context, call Call, req, reply proto.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := c.latest.Load()
	if !s.live() {
		var err error
		if s, err = c.connected(ctx); err != nil {
			return err
		}
	}
	r, err := s.exchange(ctx, &call, req)
	if err != nil {
		return err
	}
	defer r.frame.free()
	if r.failed {
		return failure(r.wire)
	}
	if err := proto.Unmarshal(r.wire, reply); err != nil {
		return status.Errorf(codes.Internal, "an answer does not parse: %v", err)
	}
	return nil
}

// failure gives the error that an answer tells.
func failure(wire []byte) error {
	var st spb.Status
	if err := proto.Unmarshal(wire, &st); err != nil {
		return status.Errorf(codes.Internal, "an error does not parse: %v", err)
	}
	if st.GetCode() == int32(codes.OK) {
		return status.Error(codes.Internal, "an error without a code")
	}
	return status.ErrorProto(&st)
}

// connected waits a little for a connection.
func (c *Conn) connected(ctx context.Context) (*session, error) {
	late := time.NewTimer(connectWithin)
	defer late.Stop()
	for {
		s := c.latest.Load()
		if s.live() {
			return s, nil
		}
		select {
		case <-s.up:
		case <-s.next:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.life.Done():
			return nil, fmt.Errorf("%w: %w", ErrLost, errClosed)
		case <-late.C:
			return nil, fmt.Errorf("%w: %w", ErrLost, s.reason())
		}
	}
}

// run keeps a connection until Close.
func (c *Conn) run() {
	defer close(c.ended)
	pause := firstPause
	for s := c.latest.Load(); ; {
		began := time.Now()
		if c.once(s) && time.Since(began) > steady {
			pause = firstPause
		}
		select {
		case <-time.After(pause):
		case <-c.life.Done():
			return
		}
		pause = min(2*pause, lastPause)
		following := newSession()
		following.err = s.reason() // until there is a better one
		c.latest.Store(following)
		close(s.next)
		s = following
	}
}

// once connects a session and returns when it has ended. It tells whether it connected.
func (c *Conn) once(s *session) bool {
	ctx, cancel := context.WithTimeout(c.life, dialWithin)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", c.path)
	if err == nil {
		if err = s.begin(conn); err != nil {
			_ = conn.Close()
		}
	}
	if err != nil {
		if c.life.Err() != nil {
			err = errClosed
		}
		s.end(err)
		return false
	}
	defer context.AfterFunc(c.life, func() { s.end(errClosed) })()
	s.read()
	return true
}
