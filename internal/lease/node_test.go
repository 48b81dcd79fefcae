package lease_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/admin"
	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/budget"
	"github.com/splitboard/splitboard/internal/forward"
	"github.com/splitboard/splitboard/internal/idempotency"
	"github.com/splitboard/splitboard/internal/inproc"
	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/store"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// A setup says what kind of process a node is.
type setup struct {
	Binary   string `json:"binary"`    // "test" if empty
	NeverOwn bool   `json:"never_own"` // it only forwards
	Instance string `json:"instance"`  // random if empty
	Version  uint32 `json:"version"`   // of the schema that it knows; 0 means 1
	// admin changes what the node answers to other processes.
	admin func(adminv1.AdminServiceServer) adminv1.AdminServiceServer
}

// A node is a process of the service as internal/serve builds one: a lease, its store,
// and on its socket a server for forwarded calls and one for the operator's.
type node struct {
	id     string
	dir    string
	lease  *lease.Lease
	store  *store.Store
	users  *users
	log    *logBuffer
	fatal  chan error
	client usersv1.UsersServiceClient // of a client that asks this process

	calls    *forward.Server
	admin    *grpc.Server
	listener net.Listener
	arrived  arrivals // over the socket
	once     sync.Once
}

// newNode starts a node in dir in the order in which a process starts.
func newNode(dir string, o setup) (*node, error) {
	n := &node{id: o.Instance, dir: dir, log: new(logBuffer), fatal: make(chan error, 1)}
	if n.id == "" {
		n.id = lease.NewInstance()
	}
	if o.Binary == "" {
		o.Binary = "test"
	}
	log := slog.New(slog.NewTextHandler(n.log, nil))
	fatal := func(err error) { n.fatal <- err }
	schema := schemaOf(max(o.Version, 1))
	n.store = store.New(filepath.Join(dir, storeFile), schema, store.Options{Fatal: fatal, Log: log})
	var err error
	if n.lease, err = lease.New(lease.Config{
		Dir: dir, Self: lease.Owner{Instance: n.id, PID: os.Getpid(), Binary: o.Binary},
		Store: n.store, Schema: schema, Desc: &usersv1.UsersService_ServiceDesc,
		NeverOwn: o.NeverOwn, Log: log, Fatal: fatal,
	}); err != nil {
		return nil, err
	}
	locked, err := n.lease.Lock()
	if err != nil {
		return nil, err
	}
	if locked {
		if err := n.lease.Open(); err != nil {
			return nil, err
		}
	}
	if err := n.serve(o); err != nil {
		return nil, errors.Join(err, n.lease.Close(context.Background()))
	}
	n.lease.Run()
	return n, nil
}

// serve makes the node's socket, and its clients' way in.
func (n *node) serve(o setup) (err error) {
	n.users = &users{store: n.store}
	conn := inproc.New(chain(n.lease.Unary))
	conn.RegisterService(&usersv1.UsersService_ServiceDesc, n.users)
	n.client = usersv1.NewUsersServiceClient(conn)

	n.calls = forward.NewServer(n.forwarded, slog.New(slog.NewTextHandler(n.log, nil)), budget.New(48<<20))
	n.admin = grpc.NewServer(grpc.StreamInterceptor(translateStream), grpc.UnaryInterceptor(translate))
	var answers adminv1.AdminServiceServer = admin.NewServer(
		admin.Process{Instance: n.id, Binary: o.Binary, Start: time.Now(), Draining: func() bool { return false }},
		[]string{"users"}, map[string]admin.Store{"users": {Dir: n.dir, Store: n.store, Lease: n.lease}})
	if o.admin != nil {
		answers = o.admin(answers)
	}
	adminv1.RegisterAdminServiceServer(n.admin, answers)
	if n.listener, err = lease.Listen(context.Background(), n.dir, n.id); err != nil {
		return err
	}
	rest, calls := forward.Split(n.listener)
	go func() { _ = n.admin.Serve(rest) }()
	go func() { _ = n.calls.Serve(calls) }()
	return nil
}

// forwarded runs a call that another node has forwarded.
func (n *node) forwarded(ctx context.Context, call *forward.Call) (proto.Message, error) {
	n.arrived.note(call)
	ctx, cancel := context.WithDeadline(observe.WithSentRequestID(ctx, call.RequestID), call.Deadline)
	defer cancel()
	desc := usersv1.UsersService_ServiceDesc
	for _, m := range desc.Methods {
		if call.Method != "/"+desc.ServiceName+"/"+m.MethodName {
			continue
		}
		resp, err := m.Handler(n.users, metadata.NewIncomingContext(ctx, call.Metadata()),
			func(req any) error { return proto.Unmarshal(call.Message, req.(proto.Message)) }, chain(n.lease.UnaryForwarded))
		if err != nil {
			return nil, err
		}
		return resp.(proto.Message), nil
	}
	return nil, fmt.Errorf("there is no method %s", call.Method)
}

// close ends a node as a process ends that is told to.
func (n *node) close() (err error) {
	n.once.Do(func() {
		n.lease.Retire()
		err = errors.Join(lease.RemoveSocket(n.dir, n.id), n.listener.Close())
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		n.admin.Stop()
		err = errors.Join(err, n.calls.Shutdown(ctx), n.lease.Close(ctx))
	})
	return err
}

// die ends a node as SIGKILL ends a process: its socket leads nowhere, its calls are
// answered no more, its lock is free.
func (n *node) die() (err error) {
	n.once.Do(func() {
		_ = n.listener.Close()
		n.admin.Stop()
		now, cancel := context.WithCancel(context.Background())
		cancel()
		ended := make(chan struct{})
		go func() {
			_ = n.calls.Shutdown(now) // breaks all of them off
			close(ended)
		}()
		err = n.lease.Die()
		<-ended
	})
	return err
}

func (n *node) owns() bool { owns, _ := n.lease.Owner(); return owns }

// handOff moves the store from n to another node.
func (n *node) handOff(ctx context.Context, to *node) error {
	return n.lease.HandOff(ctx, to.id, false, func(adminv1.HandoffStep, *store.Position) {})
}

// at gives a report that calls f when a step is done.
func at(step adminv1.HandoffStep, f func()) lease.Report {
	return func(s adminv1.HandoffStep, _ *store.Position) {
		if s == step {
			f()
		}
	}
}

// chain is what every call of the service passes through, from clients or forwarded.
func chain(own grpc.UnaryServerInterceptor) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		key, err := idempotency.Key(metadata.ValueFromIncomingContext(ctx, idempotency.Metadata))
		if err != nil {
			return nil, apierr.Status(err).Err()
		}
		if key != "" {
			ctx = store.WithIdempotencyKey(ctx, key)
		}
		resp, err := own(ctx, req, info, handler)
		if err != nil {
			return nil, apierr.Status(err).Err()
		}
		return resp, nil
	}
}

func translate(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	resp, err := handler(ctx, req)
	return resp, apierr.Status(err).Err()
}

func translateStream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return apierr.Status(handler(srv, ss)).Err()
}

// arrivals remembers the calls that came over a socket.
type arrivals struct {
	mu    sync.Mutex
	calls []forward.Call
}

func (a *arrivals) note(call *forward.Call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := *call
	c.Message = nil // it is not ours for long
	a.calls = append(a.calls, c)
}

func (a *arrivals) list() []forward.Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// logBuffer is a log that tests can read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// start starts a node that is closed when the test ends.
func start(t *testing.T, dir string, o setup) *node {
	t.Helper()
	n, err := newNode(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.close(); err != nil {
			t.Errorf("closing %s: %v", n.id, err)
		}
		select {
		case err := <-n.fatal:
			t.Errorf("%s had to end itself: %v", n.id, err)
		default:
		}
		if t.Failed() {
			t.Logf("the log of %s:\n%s", n.id, n.log)
		}
	})
	return n
}
