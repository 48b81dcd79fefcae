package forward

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/budget"
)

const (
	// maxConns is how many connections a server has: callers are a few processes that
	// each keep one.
	maxConns = 128
	// maxIdle is how many goroutines wait for the next call. A new one has to grow its
	// stack first, which costs more than the wait.
	maxIdle = 64
	// endWithin is how long handlers may take whose contexts have ended.
	endWithin = time.Second
)

// A Handler runs a call and gives its response or its error, which is sent as the status
// it is, or is turned into one. ctx ends with the connection and does not know the call's
// deadline. The response may be read until it has been sent.
type Handler func(ctx context.Context, call *Call) (proto.Message, error)

// A Server answers the calls that other processes forward.
type Server struct {
	handler Handler
	log     *slog.Logger
	calls   chan *arrived // to goroutines that wait for one
	idle    atomic.Int64
	held    *budget.Budget // of answers over maxTogether that wait to be written

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	peers     map[*peer]struct{}
	stopped   bool
	living    sync.WaitGroup // the peers
}

// NewServer returns a server whose calls run through handler. Large answers take from the
// budget until they are written; one for which there is no room becomes
// apierr.ErrOverloaded. The server is to be ended with Shutdown.
func NewServer(handler Handler, log *slog.Logger, answers *budget.Budget) *Server {
	return &Server{
		handler: handler, log: log, held: answers, calls: make(chan *arrived),
		listeners: make(map[net.Listener]struct{}), peers: make(map[*peer]struct{}),
	}
}

// Serve answers the calls that come over a listener's connections, which a [Split] has
// told from others. It returns nil after Shutdown, or when the listener was closed, and
// otherwise what the listener said.
func (s *Server) Serve(ln net.Listener) error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		_ = ln.Close()
		return nil
	}
	s.listeners[ln] = struct{}{}
	s.mu.Unlock()
	for {
		conn, err := ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		if err := s.take(conn); err != nil {
			s.log.Warn("a process's connection is refused", "error", err)
			_ = conn.Close()
		}
	}
}

// take begins to answer the calls of a connection.
func (s *Server) take(conn net.Conn) error {
	p, err := newPeer(s, conn)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return net.ErrClosed
	case len(s.peers) >= maxConns:
		return errors.New("there are too many")
	}
	s.peers[p] = struct{}{}
	s.living.Go(func() {
		p.read(bufio.NewReaderSize(conn, keptFrame))
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.peers, p)
	})
	return nil
}

// Shutdown takes no more calls, answers those that run, and closes the connections. What
// comes too late is not run, and its caller sees that the connection is lost. When ctx
// ends, the rest is broken off. It returns an error if a handler does not end even so.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	first := !s.stopped
	s.stopped = true
	for ln := range s.listeners {
		_ = ln.Close() // nothing is lost with it
	}
	for p := range s.peers {
		p.retire()
	}
	s.mu.Unlock()
	if !first {
		return nil
	}
	ended := make(chan struct{})
	go func() {
		s.living.Wait()
		close(s.calls)
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for p := range s.peers {
		p.end(ctx.Err())
	}
	s.mu.Unlock()
	select {
	case <-ended:
		return nil
	case <-time.After(endWithin):
		return errors.New("some forwarded calls do not end")
	}
}

// run runs a call in a goroutine that waits for one, or in a new one.
func (s *Server) run(a *arrived) {
	select {
	case s.calls <- a:
	default:
		go s.work(a)
	}
}

// work runs calls, until enough others wait for the next one.
func (s *Server) work(a *arrived) {
	for a != nil {
		s.answer(a)
		if s.idle.Add(1) > maxIdle {
			s.idle.Add(-1)
			return
		}
		a = <-s.calls
		s.idle.Add(-1)
	}
}

// answer runs a call and answers it.
func (s *Server) answer(a *arrived) {
	p, id, size := a.peer, a.call.id, len(a.frame.buf)
	resp, err := s.handler(p.ctx, &a.call)
	a.free()
	if err != nil {
		p.fail(id, size, statusOf(err))
		return
	}
	p.succeed(id, size, resp)
}

// statusOf gives what is sent for a handler's error.
func statusOf(err error) *status.Status {
	if st, ok := status.FromError(err); ok && st.Code() != codes.OK {
		return st
	}
	return apierr.Status(err)
}
