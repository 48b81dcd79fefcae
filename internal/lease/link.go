package lease

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/splitboard/splitboard/internal/forward"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

// A link is what connects a process with another one's socket.
type link struct {
	instance string
	calls    *forward.Conn // for the service's calls
	conn     *grpc.ClientConn
	admin    adminv1.AdminServiceClient // over conn
	answered atomic.Int64               // when it last answered a call, in Unix nanoseconds
}

// dialLink connects with an instance's socket in dir, in the background.
func dialLink(dir, instance string) (*link, error) {
	path := SocketPath(dir, instance)
	conn, err := DialSocket(path,
		grpc.WithConnectParams(grpc.ConnectParams{
			// gRPC's default waits 1 s and more after a lost connection.
			Backoff:           backoff.Config{BaseDelay: 2 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 16 * time.Millisecond},
			MinConnectTimeout: time.Second,
		}),
		// What is tried again, and when, is decided here alone.
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0))
	if err != nil {
		return nil, err
	}
	conn.Connect()
	return &link{instance: instance, calls: forward.Dial(path), conn: conn, admin: adminv1.NewAdminServiceClient(conn)}, nil
}

// lost returns when the connection for the service's calls is lost, or ctx ends.
func (k *link) lost(ctx context.Context) {
	select {
	case <-k.calls.Lost():
	case <-ctx.Done():
	}
}

// dead tells whether the process cannot be reached now.
func (k *link) dead() bool {
	select {
	case <-k.calls.Lost():
		return true
	default:
		return false
	}
}

func (k *link) close() {
	_ = k.calls.Close() // who waits is told
	_ = k.conn.Close()
}

// links keeps a link to each process that is of interest.
type links struct {
	dir  string
	mu   sync.Mutex
	open map[string]*link
}

// to gives the link to an instance.
func (s *links) to(instance string) (*link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.open[instance]; ok {
		return k, nil
	}
	k, err := dialLink(s.dir, instance)
	if err != nil {
		return nil, err
	}
	if s.open == nil {
		s.open = make(map[string]*link)
	}
	s.open[instance] = k
	return k, nil
}

// prune closes the connections that lead nowhere, and those to processes whose sockets are
// gone, but for one.
func (s *links) prune(but *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for instance, k := range s.open {
		if k == but {
			continue
		}
		if _, err := os.Lstat(SocketPath(s.dir, instance)); k.dead() || os.IsNotExist(err) {
			delete(s.open, instance)
			k.close() // there is nobody at its other end
		}
	}
}

// close closes all of them.
func (s *links) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.open {
		k.close()
	}
	s.open = nil
}
