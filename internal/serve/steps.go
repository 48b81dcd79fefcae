package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/grpc"

	"github.com/splitboard/splitboard/internal/admin"
	"github.com/splitboard/splitboard/internal/forward"
	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/peer"
	"github.com/splitboard/splitboard/internal/store"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

const storeFile = "store.db"

// A step is a part of a process's start, and what undoes it. stop also undoes a start
// that failed half way.
type step struct {
	name  string
	start func(*Process) error
	stop  func(*Process, context.Context) error
	grace time.Duration // the most time that stop has
}

// steps are taken in this order and undone in reverse. Before anything is undone, the
// process says that it is not ready, and pauses (Process.drain).
var steps = []step{
	// The access log is first, so that it is written out last.
	{"log", (*Process).openAccess, (*Process).closeAccess, time.Second},
	// Nobody opens a store without its lock. Who does not get it forwards.
	{"lock", (*Process).lock, (*Process).unlock, time.Second},
	// Stores that are still empty are filled aside and put in place whole.
	{"seed", (*Process).seed, nil, 0},
	// Closing waits for the changes that are queued, and frees the locks.
	{"store", (*Process).openStores, (*Process).closeStores, 5 * time.Second},
	// Connections are made when they are first used.
	{"peers", (*Process).dialPeers, (*Process).closePeers, time.Second},
	// Others may ask this process while it cannot yet say that it is ready.
	{"grpc", (*Process).startGRPC, (*Process).stopGRPC, 2 * time.Second},
	// The sockets of the other processes and the operator. Backups in progress are broken
	// off.
	{"sockets", (*Process).startSockets, (*Process).stopSockets, 500 * time.Millisecond},
	// From here on stores may come and go.
	{"part", (*Process).takePart, nil, 0},
	{"http", (*Process).startHTTP, (*Process).stopHTTP, 2 * time.Second},
	// Health says SERVING once every store has answered.
	{"ready", (*Process).ready, nil, 0},
}

func (p *Process) openAccess() error {
	p.access = observe.NewAccessLog(p.config.Access, p.config.AccessFormat, func(err error) {
		p.log.Error("access log lines are lost", "error", err)
	})
	return nil
}

func (p *Process) closeAccess(ctx context.Context) error {
	if p.access == nil {
		return nil
	}
	done := make(chan struct{})
	go func() { p.access.Close(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		// Whoever reads standard output has stopped reading it.
		return errors.New("the last lines of the access log took too long")
	}
}

// openStores opens those whose locks were free. The others are served by their owners.
func (p *Process) openStores() error {
	for _, s := range p.binary.Services {
		if !p.locked[s.Name] {
			p.log.Info("forwarding to the store's owner", "service", s.Name)
			continue
		}
		if err := p.leases[s.Name].Open(); err != nil {
			return err
		}
	}
	return nil
}

func (p *Process) closeStores(ctx context.Context) error {
	errs := make([]error, 0, len(p.leases))
	for _, l := range p.leases {
		errs = append(errs, l.Close(ctx))
	}
	return errors.Join(errs...)
}

// takePart lets the process find the owners of the stores, and become one.
func (p *Process) takePart() error {
	for _, l := range p.leases {
		l.Run()
	}
	return nil
}

func (p *Process) dialPeers() error {
	for _, name := range p.binary.peers() {
		conn, err := peer.Dial(p.config.Peers[name], "splitboard-"+p.binary.Name+"/"+Version())
		if err != nil {
			return fmt.Errorf("--%s-addr: %w", name, err)
		}
		p.peers[name] = conn
	}
	return nil
}

func (p *Process) closePeers(context.Context) error {
	errs := make([]error, 0, len(p.peers))
	for _, c := range p.peers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// conns gives the way to each of the named services: in process if it is embedded.
func (p *Process) conns(names []string) map[string]grpc.ClientConnInterface {
	m := make(map[string]grpc.ClientConnInterface, len(names))
	for _, n := range names {
		if c, ok := p.peers[n]; ok {
			m[n] = c
		} else {
			m[n] = p.conn
		}
	}
	return m
}

func (p *Process) startGRPC() error {
	if len(p.binary.Services) == 0 {
		return nil
	}
	p.grpc = newNetworkServer(p.chain, p.access, p.answers)
	for _, s := range p.binary.Services {
		server := s.New(p.stores[s.Name], p.conns(s.Peers))
		for _, r := range []grpc.ServiceRegistrar{p.grpc.server, p.conn, p.local} {
			r.RegisterService(s.Desc, server)
		}
	}
	p.health = p.grpc.enableHealth(p.binary.Services)
	var err error
	if p.grpcListener, err = listen(p.starting, "grpc", p.config.GRPC); err != nil {
		return err
	}
	p.accept("grpc", func() error { return p.grpc.serve(p.grpcListener) })
	return nil
}

func (p *Process) stopGRPC(ctx context.Context) error {
	if p.grpc == nil {
		return nil
	}
	err := p.grpc.stop(ctx, p.log)
	ended := make(chan struct{})
	go func() { p.serving.Wait(); close(ended) }()
	select {
	case <-ended:
		return err
	case <-time.After(abortGrace):
		// gRPC's Serve waits for handlers; one that hangs must not hold the process.
		return errors.Join(err, errors.New("a listener does not end"))
	}
}

func (p *Process) startSockets() error {
	if len(p.binary.Services) == 0 {
		return nil
	}
	p.admin = newSocketServer(p.socket)
	p.calls = forward.NewServer(p.forwarded, p.log, p.answers)
	var order []string
	stores := make(map[string]admin.Store)
	for _, s := range p.binary.Services {
		ln, err := lease.Listen(p.starting, p.dir(s.Name), p.instance)
		if err != nil {
			return err
		}
		p.socketListeners = append(p.socketListeners, ln)
		order = append(order, s.Name)
		stores[s.Name] = admin.Store{Dir: p.dir(s.Name), Store: p.stores[s.Name], Lease: p.leases[s.Name]}
	}
	adminv1.RegisterAdminServiceServer(p.admin.server, admin.NewServer(admin.Process{
		Instance: p.instance, Binary: p.binary.Name, Version: Version(), Start: p.start, Draining: p.draining.Load,
	}, order, stores))
	for _, ln := range p.socketListeners {
		operator, calls := forward.Split(ln)
		p.accept("socket", func() error { return p.admin.serve(operator) })
		p.accept("socket", func() error { return p.calls.Serve(calls) })
	}
	return nil
}

func (p *Process) stopSockets(ctx context.Context) error {
	// If work in flight was in the way before: HTTP's has ended by now.
	p.handOff(slog.LevelDebug) //nolint:contextcheck // it has a time of its own
	var errs []error
	for i := range p.socketListeners {
		// Before the listener closes, so that nobody finds a name that leads nowhere.
		errs = append(errs, lease.RemoveSocket(p.dir(p.binary.Services[i].Name), p.instance))
	}
	if p.calls != nil {
		// Both at once: they share the time.
		stopped := make(chan error, 1)
		go func() { stopped <- p.calls.Shutdown(ctx) }()
		errs = append(errs, p.admin.stop(ctx, p.log), <-stopped)
	}
	for _, ln := range p.socketListeners {
		_ = ln.Close() // the servers have, unless the start failed before they ran
	}
	return errors.Join(errs...)
}

func (p *Process) startHTTP() error {
	face := p.binary.REST(p.conns(p.binary.fronted()), p.draining.Load)
	p.rest = newRESTServer(face, p.access, p.log, p.draining.Load)
	var err error
	if p.httpListener, err = listen(p.starting, "http", p.config.HTTP); err != nil {
		return err
	}
	p.accept("http", func() error { return p.rest.serve(p.httpListener) })
	return nil
}

func (p *Process) stopHTTP(ctx context.Context) error {
	if p.rest == nil {
		return nil
	}
	return p.rest.stop(ctx)
}

func (p *Process) ready() error {
	for name, st := range p.stores {
		err := st.View(func(*bbolt.Tx) error { return nil })
		if err != nil && !errors.Is(err, store.ErrClosed) {
			return fmt.Errorf("%s does not answer: %w", name, err)
		}
	}
	attrs := []any{"http", p.HTTPAddr()}
	if p.health != nil {
		setServing(p.health, p.binary.Services)
		attrs = append(attrs, "grpc", p.GRPCAddr(), "data", p.config.Data)
	}
	attrs = append(attrs, "instance", p.instance, "version", Version())
	if names := p.binary.fronted(); len(names) > 0 {
		attrs = append(attrs, "try", "curl http://"+p.HTTPAddr()+"/api/"+names[0])
	}
	p.log.Info("ready", attrs...)
	return nil
}
