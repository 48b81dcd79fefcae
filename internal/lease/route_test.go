package lease_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/apierr/apierrtest"
	"github.com/splitboard/splitboard/internal/forward"
	"github.com/splitboard/splitboard/internal/idempotency"
	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/observe"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// wantNoOwner fails the test unless err says that there is no owner.
func wantNoOwner(t *testing.T, err error) {
	t.Helper()
	apierrtest.Want(t, err, errorsv1.Reason_REASON_NOT_OWNER)
	if status.Code(err) != codes.Unavailable {
		t.Errorf("error %v, want UNAVAILABLE", err)
	}
}

// pair gives a node that owns the store and one that forwards to it.
func pair(t *testing.T, forwarder setup) (owner, other *node) {
	t.Helper()
	dir := folder(t)
	owner = start(t, dir, setup{})
	other = start(t, dir, forwarder)
	forwards(t, other, owner.id)
	return owner, other
}

// overSocket sends a call to a node as another process does.
func overSocket(t *testing.T, n *node, call forward.Call, req, resp proto.Message) error {
	t.Helper()
	conn := forward.Dial(lease.SocketPath(n.dir, n.id))
	defer conn.Close()
	call.Deadline = time.Now().Add(time.Second)
	return conn.Invoke(t.Context(), call, req, resp)
}

func getOverSocket(t *testing.T, n *node) error {
	t.Helper()
	return overSocket(t, n, forward.Call{Method: usersv1.UsersService_GetUser_FullMethodName},
		&usersv1.GetUserRequest{Id: 1}, new(usersv1.GetUserResponse))
}

func TestOwnerRunsCallsItself(t *testing.T) {
	a, b := pair(t, setup{})
	a.want(t, "x")
	if s := a.lease.Status(); s.Forwarded != 0 || s.Held != 0 || a.users.calls.Load() != 2 {
		t.Errorf("the owner ran %d calls, and %+v", a.users.calls.Load(), s)
	}
	if len(a.arrived.list())+len(b.arrived.list()) != 0 {
		t.Error("calls came over a socket")
	}
}

// What a forwarder sends is the request, its id, its deadline, and a key.
func TestForwarderForwards(t *testing.T) {
	a, b := pair(t, setup{})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	deadline, _ := ctx.Deadline()
	ctx = observe.WithRequestID(ctx, "the-id")
	u, err := b.create(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.get(ctx, u.GetId()); err != nil {
		t.Fatal(err)
	}
	withKey := metadata.AppendToOutgoingContext(ctx, idempotency.Metadata, "the-key")
	first, err := b.create(withKey, "y")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.create(withKey, "y"); err != nil || again.GetId() != first.GetId() {
		t.Errorf("again under the key: %v, %v; want %v", again, err, first)
	}
	_, err = b.create(withKey, "z")
	apierrtest.Want(t, err, errorsv1.Reason_REASON_IDEMPOTENCY_KEY_REUSED)

	calls := a.arrived.list()
	if len(calls) != 5 || b.users.calls.Load() != 0 || b.lease.Status().Forwarded != 5 {
		t.Fatalf("%d calls came, %d were run here", len(calls), b.users.calls.Load())
	}
	for i, c := range calls {
		if c.RequestID != "the-id" {
			t.Errorf("call %d has the id %q", i, c.RequestID)
		}
		// It is sent on as a time from now, and the forwarder keeps some of it.
		if early := deadline.Sub(c.Deadline); early < 0 || early > 200*time.Millisecond {
			t.Errorf("call %d has %s less time than the client gave", i, early)
		}
		if write := i == 0; len(c.RetryKey) > 0 != write {
			t.Errorf("call %d, %s, has the retry key %q", i, c.Method, c.RetryKey)
		}
		if want := map[bool]string{true: "the-key"}[i > 1]; c.IdempotencyKey != want {
			t.Errorf("call %d has the client's key %q, want %q", i, c.IdempotencyKey, want)
		}
	}
}

// A call without a deadline is not forwarded without one.
func TestForwardedCallHasDeadline(t *testing.T) {
	a, b := pair(t, setup{})
	b.want(t, "x")
	for _, c := range a.arrived.list() {
		if left := time.Until(c.Deadline); left <= 0 || left > lease.MaxHold {
			t.Errorf("%s has %s left", c.Method, left)
		}
	}
}

// What reaches a process that does not own the store is refused with the owner's name.
func TestNotOwnerNamesTheOwner(t *testing.T) {
	a, b := pair(t, setup{})
	refused := func(n *node, owner string) {
		t.Helper()
		err := getOverSocket(t, n)
		wantNoOwner(t, err)
		if got := metadataOf(err, lease.OwnerMetadata); got != owner {
			t.Errorf("%s names %q, want %q", n.id, got, owner)
		}
	}
	refused(b, a.id)
	if err := a.handOff(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	refused(a, b.id)
	if err := getOverSocket(t, b); err != nil {
		t.Errorf("the owner: %v", err)
	}
}

// Who has heard that the store has moved on goes where it was sent.
func TestForwarderFollows(t *testing.T) {
	dir := folder(t)
	a, b := start(t, dir, setup{}), start(t, dir, setup{})
	c := start(t, dir, setup{NeverOwn: true})
	c.want(t, "at a")
	hint(t, dir, "{}")
	if err := a.handOff(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	c.want(t, "at b")
	forwards(t, c, b.id)
	if got := b.names(t); got["at a"] != 1 || got["at b"] != 1 {
		t.Errorf("the store has %v", got)
	}
}

// errPeer is what a handler returns that could not ask another service.
var errPeer = apierr.New(codes.Unavailable, errorsv1.Reason_REASON_PEER_UNAVAILABLE, "the other service is not there")

// A handler's own errors are the caller's, even if they sound like a lost owner.
func TestHandlersErrorsArePassedOn(t *testing.T) {
	a, b := pair(t, setup{})
	for name, c := range map[string]struct {
		err    error
		reason errorsv1.Reason
	}{
		"peer unavailable":       {errPeer, errorsv1.Reason_REASON_PEER_UNAVAILABLE},
		"peer without an owner":  {errPeer.Because(lease.ErrNoOwner.GRPCStatus().Err()), errorsv1.Reason_REASON_PEER_UNAVAILABLE},
		"deadline":               {context.DeadlineExceeded, errorsv1.Reason_REASON_DEADLINE_EXCEEDED},
		"cancelled":              {context.Canceled, errorsv1.Reason_REASON_CANCELLED},
		"unknown":                {errors.New("secret"), errorsv1.Reason_REASON_INTERNAL},
		"overloaded":             {apierr.ErrOverloaded, errorsv1.Reason_REASON_OVERLOADED},
		"shutting down":          {apierr.ErrShuttingDown, errorsv1.Reason_REASON_SHUTTING_DOWN},
		"gRPC's own unavailable": {status.Error(codes.Unavailable, "gone"), errorsv1.Reason_REASON_INTERNAL},
	} {
		t.Run(name, func(t *testing.T) {
			on(&a.users.before, func(context.Context) error { return c.err })
			for _, n := range []*node{a, b} {
				before := a.users.calls.Load()
				_, err := n.create(t.Context(), name)
				apierrtest.Want(t, err, c.reason)
				if calls := a.users.calls.Load() - before; calls != 1 {
					t.Errorf("the handler was called %d times", calls)
				}
				if strings.Contains(err.Error(), "secret") {
					t.Errorf("a cause is sent: %v", err)
				}
			}
		})
	}
	if s := b.lease.Status(); s.Held != 0 || s.Owner != a.id {
		t.Errorf("the forwarder gave its owner up: %+v", s)
	}
}

// Nobody but another process of the service has a say in retry keys: a client that could
// choose one would get another's answer.
func TestClientsRetryKeyHasNoEffect(t *testing.T) {
	a, b := pair(t, setup{})
	const key = "0123456789abcdef"
	for _, n := range []*node{a, b} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), forward.RetryKeyMetadata, key)
		first, err := n.create(ctx, "x")
		if err != nil {
			t.Fatal(err)
		}
		second, err := n.create(ctx, "x")
		if err != nil || second.GetId() == first.GetId() {
			t.Errorf("the same key gave the same answer: %v, %v", second, err)
		}
	}
	for _, c := range a.arrived.list() {
		if len(c.RetryKey) == 0 || string(c.RetryKey) == key {
			t.Errorf("the client's key was forwarded: %q", c.RetryKey)
		}
	}
	if a.store.AnswersFromKeys() != 0 {
		t.Error("a request was answered from a key")
	}
	// The control: from another process it does have an effect.
	for range 2 {
		call := forward.Call{Method: usersv1.UsersService_CreateUser_FullMethodName, RetryKey: []byte(key)}
		req := &usersv1.CreateUserRequest{User: &usersv1.User{Username: "x"}}
		if err := overSocket(t, a, call, req, new(usersv1.CreateUserResponse)); err != nil {
			t.Fatal(err)
		}
	}
	if a.store.AnswersFromKeys() != 1 {
		t.Error("a forwarder's key has no effect")
	}
}

// A call in process has no key of the call that it is made in: its own sender sends it.
func TestCallInAnotherCall(t *testing.T) {
	a, b := pair(t, setup{})
	around := metadata.NewIncomingContext(t.Context(), metadata.Pairs(
		idempotency.Metadata, "of the other", forward.RetryKeyMetadata, "0123456789abcdef"))
	for _, n := range []*node{a, b} {
		first, err := n.create(around, "x")
		if err != nil {
			t.Fatal(err)
		}
		if second, err := n.create(around, "x"); err != nil || second.GetId() == first.GetId() {
			t.Errorf("the second is %v, %v", second, err)
		}
	}
	for _, c := range a.arrived.list() {
		if c.IdempotencyKey != "" || string(c.RetryKey) == "0123456789abcdef" {
			t.Errorf("it was forwarded with the keys %q and %q", c.IdempotencyKey, c.RetryKey)
		}
	}
}

// A client that gives up is not waited for, and ends nothing but its own call.
func TestForwardedCallIsCancelled(t *testing.T) {
	a, b := pair(t, setup{})
	begun, end := make(chan struct{}), make(chan struct{})
	on(&a.users.before, func(context.Context) error {
		close(begun)
		<-end
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := b.create(ctx, "x"); done <- err }()
	<-begun
	on(&a.users.before, func(context.Context) error { return nil })
	cancel()
	apierrtest.Want(t, <-done, errorsv1.Reason_REASON_CANCELLED)
	if s := b.lease.Status(); s.Owner != a.id || s.Held != 0 {
		t.Errorf("the forwarder gave its owner up: %+v", s)
	}
	b.want(t, "y")
	close(end)
}
