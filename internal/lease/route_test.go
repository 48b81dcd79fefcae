package lease_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/apierr/apierrtest"
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

// socketOf connects to a node's socket, as another process does.
func socketOf(t *testing.T, n *node) usersv1.UsersServiceClient {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+lease.SocketPath(n.dir, n.id), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return usersv1.NewUsersServiceClient(conn)
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
	withKey := metadata.AppendToOutgoingContext(ctx, idempotency.Metadata, "the-key", "other", "stays")
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
		if c.id != "the-id" {
			t.Errorf("call %d has the id %q", i, c.id)
		}
		// It is sent on as a time from now, and the forwarder keeps some of it.
		if early := deadline.Sub(c.deadline); early < 0 || early > 200*time.Millisecond {
			t.Errorf("call %d has %s less time than the client gave", i, early)
		}
		retry := c.md.Get(lease.RetryKeyMetadata)
		if write := c.method == usersv1.UsersService_CreateUser_FullMethodName && i == 0; len(retry) == 1 != write {
			t.Errorf("call %d, %s, has the retry keys %q", i, c.method, retry)
		}
		if client := c.md.Get(idempotency.Metadata); slices.Equal(client, []string{"the-key"}) != (i > 1) {
			t.Errorf("call %d has the client's keys %q", i, client)
		}
		if len(c.md.Get("other")) > 0 {
			t.Errorf("call %d has what the owner has no use for", i)
		}
	}
}

// A call without a deadline is not forwarded without one.
func TestForwardedCallHasDeadline(t *testing.T) {
	a, b := pair(t, setup{})
	b.want(t, "x")
	for _, c := range a.arrived.list() {
		if left := time.Until(c.deadline); left <= 0 || left > lease.MaxHold {
			t.Errorf("%s has %s left", c.method, left)
		}
	}
}

// What reaches a process that does not own the store is refused with the owner's name.
func TestNotOwnerNamesTheOwner(t *testing.T) {
	a, b := pair(t, setup{})
	refused := func(n *node, owner string) {
		t.Helper()
		_, err := socketOf(t, n).GetUser(t.Context(), &usersv1.GetUserRequest{Id: 1})
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
	if _, err := socketOf(t, b).GetUser(t.Context(), &usersv1.GetUserRequest{Id: 1}); err != nil {
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
	for _, n := range []*node{a, b} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), lease.RetryKeyMetadata, "0123456789abcdef")
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
		if got := c.md.Get(lease.RetryKeyMetadata); len(got) != 1 || got[0] == "0123456789abcdef" {
			t.Errorf("the client's key was forwarded: %q", got)
		}
	}
	if a.store.AnswersFromKeys() != 0 {
		t.Error("a request was answered from a key")
	}
	// The control: over the socket it does have an effect.
	ctx := metadata.AppendToOutgoingContext(t.Context(), lease.RetryKeyMetadata, "0123456789abcdef")
	for range 2 {
		if _, err := socketOf(t, a).CreateUser(ctx, &usersv1.CreateUserRequest{User: &usersv1.User{Username: "x"}}); err != nil {
			t.Fatal(err)
		}
	}
	if a.store.AnswersFromKeys() != 1 {
		t.Error("a forwarder's key has no effect")
	}
}

// A client that gives up is not waited for, and ends nothing but its own call.
func TestForwardedCallIsCancelled(t *testing.T) {
	a, b := pair(t, setup{})
	ended := make(chan error, 1)
	begun := make(chan struct{})
	on(&a.users.before, func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := b.create(ctx, "x"); done <- err }()
	<-begun
	cancel()
	apierrtest.Want(t, <-done, errorsv1.Reason_REASON_CANCELLED)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the owner's handler ended with %v", err)
	}
	on(&a.users.before, func(context.Context) error { return nil })
	if s := b.lease.Status(); s.Owner != a.id || s.Held != 0 {
		t.Errorf("the forwarder gave its owner up: %+v", s)
	}
	b.want(t, "y")
}
