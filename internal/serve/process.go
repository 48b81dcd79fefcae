package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"

	"github.com/splitboard/splitboard/internal/budget"
	"github.com/splitboard/splitboard/internal/forward"
	"github.com/splitboard/splitboard/internal/inproc"
	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/store"
)

// A Process is a running binary.
type Process struct {
	binary   Binary
	config   Config
	log      *slog.Logger
	instance string
	start    time.Time
	starting context.Context // ends a start that takes long

	access *observe.AccessLog
	chain  *chain // of what clients send
	socket *chain // of what other processes forward
	conn   *inproc.Conn
	local  *inproc.Conn // through socket
	peers  map[string]*grpc.ClientConn
	leases map[string]*lease.Lease
	stores map[string]*store.Store
	locked map[string]bool // those whose locks were free at the start

	// answers is the memory of those that wait to be read, by clients and by other
	// processes alike.
	answers *budget.Budget

	health *health.Server
	grpc   *grpcServer
	admin  *grpcServer
	calls  *forward.Server
	rest   *restServer

	grpcListener, httpListener net.Listener
	socketListeners            []net.Listener

	draining atomic.Bool
	serving  sync.WaitGroup // the goroutines that accept connections

	started int // how many of steps have been started
	stop    sync.Once
	stopErr error
	failed  chan error    // the first listener that broke
	done    chan struct{} // closed when the process has stopped
}

// Start brings a binary up and returns when it is ready. If any step fails, those
// before it are undone. It returns [store.ErrMissing] and other errors of opening a
// store, or what the system said.
func Start(ctx context.Context, b Binary, c Config) (*Process, error) {
	p := &Process{
		binary: b, config: c, log: c.Log, instance: lease.NewInstance(), start: time.Now(), starting: ctx,
		peers:  make(map[string]*grpc.ClientConn),
		leases: make(map[string]*lease.Lease),
		stores: make(map[string]*store.Store),
		locked: make(map[string]bool),
		failed: make(chan error, 1),
		done:   make(chan struct{}),

		answers: budget.New(maxHeldAnswers),
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.config.Exit == nil {
		p.config.Exit = os.Exit
	}
	if p.config.Access == nil {
		p.config.Access = io.Discard
	}
	p.chain = &chain{log: p.log, owned: make(map[string]grpc.UnaryServerInterceptor)}
	p.socket = &chain{log: p.log, owned: make(map[string]grpc.UnaryServerInterceptor)}
	p.conn = inproc.New(p.chain.unary)
	p.local = inproc.New(p.socket.unary)
	for _, s := range steps {
		p.started++
		err := ctx.Err()
		if err == nil {
			err = s.start(p)
		}
		if err != nil {
			return nil, errors.Join(err, p.undo()) //nolint:contextcheck // what is undone has times of its own
		}
	}
	return p, nil
}

// HTTPAddr gives the address of the REST face, fit to connect to.
func (p *Process) HTTPAddr() string { return reachable(p.httpListener) }

// GRPCAddr gives the address of the gRPC server, or "" if there is none.
func (p *Process) GRPCAddr() string { return reachable(p.grpcListener) }

// Conn gives a connection to the embedded services, in process.
func (p *Process) Conn() grpc.ClientConnInterface { return p.conn }

// Stop ends the process in order, as SIGTERM does, and returns when it has ended. The
// end of ctx cuts the pause short; every step after it has a time of its own.
func (p *Process) Stop(ctx context.Context) error { return p.stopAfter(ctx, p.config.Drain) }

func (p *Process) stopAfter(ctx context.Context, pause time.Duration) error {
	p.stop.Do(func() {
		p.drain(ctx, pause)
		p.stopErr = p.undo() //nolint:contextcheck // each step has a time of its own
		close(p.done)
	})
	<-p.done
	return p.stopErr
}

// drain hands the stores to other processes, says that this one is not ready, and goes
// on answering for a while, so that load balancers and clients turn elsewhere before the
// listeners close.
func (p *Process) drain(ctx context.Context, pause time.Duration) {
	p.handOff(slog.LevelInfo) //nolint:contextcheck // ctx ends the pause alone
	p.draining.Store(true)
	if p.health != nil {
		p.health.Shutdown()
	}
	if pause <= 0 {
		return
	}
	p.log.Info("draining", "pause", pause.String())
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
	p.handOff(slog.LevelDebug) //nolint:contextcheck // as above; to those who came meanwhile
}

// handOff hands every store that the process owns to one that is able, and logs where there
// is none.
func (p *Process) handOff(level slog.Level) {
	ctx, cancel := context.WithTimeout(context.Background(), handOffTimeout)
	defer cancel()
	for _, l := range p.leases {
		l.Retire()
	}
	for _, s := range p.binary.Services {
		l, ok := p.leases[s.Name]
		if !ok {
			continue
		}
		if err := l.HandOffToAny(ctx); err != nil {
			p.log.Log(ctx, level, "nobody takes the store over", "service", s.Name, "because", err)
		}
	}
}

// handOffTimeout bounds the handing off of all stores at a process's end.
const handOffTimeout = 5 * time.Second

// Wait returns when the process has stopped, with the error of its stop, or when a
// listener broke, with its error: the process should then be stopped.
func (p *Process) Wait() error {
	select {
	case err := <-p.failed:
		return err
	case <-p.done:
		return p.stopErr
	}
}

// undo stops what was started, in reverse.
func (p *Process) undo() error {
	var errs []error
	for ; p.started > 0; p.started-- {
		s := steps[p.started-1]
		if s.stop == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), s.grace)
		if err := s.stop(p, ctx); err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w", s.name, err))
		}
		cancel()
	}
	return errors.Join(errs...)
}

// accept runs a listener in the background. If it breaks, the process has failed.
func (p *Process) accept(name string, serve func() error) {
	p.serving.Go(func() {
		if err := serve(); err != nil {
			select {
			case p.failed <- fmt.Errorf("%s: %w", name, err):
			default: // another broke first
			}
		}
	})
}

// fatal ends the process at once: a store said that going on could give wrong answers.
func (p *Process) fatal(service string, err error) {
	p.log.Error("the process must end", "service", service, "error", err)
	p.config.Exit(exitFailure)
}

// dir gives a service's data folder.
func (p *Process) dir(service string) string { return filepath.Join(p.config.Data, service) }

// listen opens a TCP listener for a flag.
func listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("--%s %s: the port is in use by another process; choose another with --%s", flag, addr, flag)
	case err != nil:
		return nil, fmt.Errorf("--%s %s: %w", flag, addr, err)
	}
	return ln, nil
}

// reachable gives a listener's address with a host that can be connected to.
func reachable(ln net.Listener) string {
	if ln == nil {
		return ""
	}
	a, ok := ln.Addr().(*net.TCPAddr)
	if ok && a.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", a.Port)
	}
	return ln.Addr().String()
}
