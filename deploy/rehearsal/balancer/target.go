package balancer

import (
	"bufio"
	"context"
	"net"
	"sync"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/idle"
)

const (
	// connectTimeout is how long the ALB tries to connect to a target.
	connectTimeout = 10 * time.Second
	// readBuffer is also the longest line of a head: the ALB's limit of a single header.
	readBuffer = 16 << 10
)

// A target is one address to which a group's requests go, with its connections.
type target struct {
	addr string
	idle time.Duration // how long a connection may be unused

	mu      sync.Mutex
	state   State
	busy    int         // requests that it is answering
	conns   []*upstream // idle ones, the last used at the end
	working map[*upstream]bool
	gone    bool          // its connections have been cut
	free    chan struct{} // closed when it drains and nothing is busy
}

// An upstream is a connection to a target.
type upstream struct {
	net.Conn

	r     *bufio.Reader
	peek  *idle.Peeker
	since time.Time // when it became idle
}

func newTarget(addr string, idle time.Duration) *target {
	return &target{
		addr: addr, idle: idle, state: Initial,
		working: map[*upstream]bool{}, free: make(chan struct{}),
	}
}

// take reserves the target for one request; done ends that. It is false if the target
// is draining.
func (t *target) take() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == Draining {
		return false
	}
	t.busy++
	return true
}

// done gives the connection of a request that is over back, to be used again or not;
// nil if there was none.
func (t *target) done(conn *upstream, reusable bool) {
	t.mu.Lock()
	t.busy--
	if conn != nil {
		delete(t.working, conn)
	}
	keep := reusable && t.state != Draining
	if keep {
		conn.since = time.Now()
		t.conns = append(t.conns, conn)
	}
	if t.state == Draining && t.busy == 0 {
		close(t.free)
	}
	t.mu.Unlock()
	if conn != nil && !keep {
		_ = conn.Close()
	}
}

// connect gives a connection that, as far as can be known, the target has not closed.
func (t *target) connect(ctx context.Context) (*upstream, error) {
	for {
		conn := t.pop()
		if conn == nil {
			break
		}
		if time.Since(conn.since) < t.idle && conn.peek.Usable() {
			return conn, nil
		}
		t.drop(conn)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	peek, err := idle.New(raw)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	conn := &upstream{Conn: &timedConn{Conn: raw, idle: t.idle}, peek: peek}
	conn.r = bufio.NewReaderSize(conn.Conn, readBuffer)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone {
		_ = raw.Close() // the first use says so
	}
	t.working[conn] = true
	return conn, nil
}

func (t *target) pop() *upstream {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.conns) - 1
	if last < 0 {
		return nil
	}
	conn := t.conns[last]
	t.conns[last], t.conns = nil, t.conns[:last]
	t.working[conn] = true
	return conn
}

func (t *target) drop(conn *upstream) {
	t.mu.Lock()
	delete(t.working, conn)
	t.mu.Unlock()
	_ = conn.Close()
}

// set changes the state by a health check, and gives the one before; not of a target
// that drains.
func (t *target) set(state State) (before State, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == Draining {
		return Draining, false
	}
	before, t.state = t.state, state
	return before, true
}

// drain lets no new request in and closes what is idle; free is closed when nothing is
// busy any more.
func (t *target) drain() (before State) {
	t.mu.Lock()
	before, t.state = t.state, Draining
	idle := t.conns
	t.conns = nil
	if t.busy == 0 {
		close(t.free)
	}
	t.mu.Unlock()
	for _, conn := range idle {
		_ = conn.Close()
	}
	return before
}

// cut closes the connections of requests that are not over.
func (t *target) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gone = true
	for conn := range t.working {
		_ = conn.Close()
	}
}

func (t *target) now() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state
}
