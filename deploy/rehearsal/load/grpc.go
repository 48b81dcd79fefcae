package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// clientsPerConn is how many clients share a connection.
const clientsPerConn = 8

// conns are the gRPC connections of a pool.
//
// Retries are off. What gRPC does nevertheless is to send a call again that no server has
// begun with: one that was never written to the wire, or that the server has refused
// unprocessed, by REFUSED_STREAM or by a GOAWAY that excludes it (A6's transparent
// retries). A call whose connection breaks after it was written fails; TestGRPCSendsOnce
// holds it to that.
type conns struct {
	mu   sync.Mutex
	open map[connKey]*sharedConn
}

type connKey struct {
	address string
	shard   int
}

type sharedConn struct {
	*grpc.ClientConn

	calls int  // in progress
	over  bool // it is replaced, and closed when its calls have ended
}

func newConns() *conns { return &conns{open: make(map[connKey]*sharedConn)} }

// take gives a connection for one call.
func (s *conns) take(key connKey) (*sharedConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.open[key]
	if c == nil {
		cc, err := grpc.NewClient("passthrough:///"+key.address,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDisableRetry(), grpc.WithDisableServiceConfig())
		if err != nil {
			return nil, err
		}
		c = &sharedConn{ClientConn: cc}
		s.open[key] = c
	}
	c.calls++
	return c, nil
}

// release ends a call; broken tells whether it may have failed for want of a connection.
// If there is none, the next call takes another, as one over REST dials anew: this one
// would fail calls until its backoff ends, though the server may be there again.
func (s *conns) release(key connKey, c *sharedConn, broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.calls--
	if broken && s.open[key] == c && c.GetState() != connectivity.Ready {
		c.over = true
		delete(s.open, key)
	}
	// Calls from before may still run on a connection that drains.
	if c.over && c.calls == 0 {
		_ = c.Close()
	}
}

func (s *conns) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open {
		_ = c.Close()
	}
}

// A grpcFace calls the generated clients, over connections that it shares.
type grpcFace struct {
	entry func(service string) string
	conns *conns
	shard int
}

// close leaves the connections to the other clients, and to the pool.
func (f *grpcFace) close() {}

func (f *grpcFace) at(service string) string { return f.entry(service) }

func (f *grpcFace) send(r *request, via string, timeout time.Duration) (a answer) {
	key := connKey{via, f.shard}
	c, err := f.conns.take(key)
	if err != nil {
		return answer{err: err.Error()}
	}
	defer func() { f.conns.release(key, c, a.code == uint16(codes.Unavailable)) }()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if r.key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "idempotency-key", r.key)
	}
	a.of, a.item, err = call(ctx, c, r)
	if err != nil {
		st := status.Convert(err)
		a.code = uint16(st.Code()) //nolint:gosec // less than 20
		a.err = fmt.Sprintf("%s %s", st.Code(), brief(st.Message()))
	}
	return a
}
