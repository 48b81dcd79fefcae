package lease_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/apierr/apierrtest"
	"github.com/splitboard/splitboard/internal/lease"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// ownerless gives a node that never finds an owner.
func ownerless(t *testing.T) *node {
	t.Helper()
	return start(t, folder(t), setup{NeverOwn: true})
}

// holding waits until a node has held so many calls since its start.
func holding(t *testing.T, n *node, count int64) {
	t.Helper()
	eventually(t, 5*time.Second, fmt.Sprintf("%d calls are held", count), func() bool { return n.lease.Status().Held >= count })
}

// A thousand requests that come while the store is in nobody's hands are held, and all
// answered.
func TestHeldAcrossHandoff(t *testing.T) {
	const requests = 1000
	dir := folder(t)
	a, b := start(t, dir, setup{}), start(t, dir, setup{})
	c := start(t, dir, setup{NeverOwn: true})
	for _, n := range []*node{b, c} {
		forwards(t, n, a.id)
	}
	nodes := []*node{a, b, c}
	held := func() (total int64) {
		for _, n := range nodes {
			total += n.lease.Status().Held
		}
		return total
	}
	done := make(chan error, 1)
	if err := a.lease.HandOff(t.Context(), b.id, false, at(adminv1.HandoffStep_HANDOFF_STEP_UNLOCKED, nop)); err != nil {
		t.Fatal(err) // the first costs more
	}
	before, began := held(), time.Now()
	err := b.lease.HandOff(t.Context(), a.id, false, at(adminv1.HandoffStep_HANDOFF_STEP_TOLD, func() {
		go func() {
			done <- each(requests, func(i int) error {
				_, err := nodes[i%3].create(t.Context(), "held")
				return err
			})
		}()
		eventually(t, 2*time.Second, "all are held", func() bool { return held() >= before+requests })
	}))
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	if got := a.names(t)["held"]; got != requests || !a.owns() {
		t.Errorf("%d of %d are there", got, requests)
	}
	var holds []time.Duration
	for _, n := range nodes {
		holds = append(holds, n.lease.Holds(began)...)
	}
	if len(holds) < requests {
		t.Errorf("%d holds are remembered", len(holds))
	}
}

func nop() {}

// Without an owner a call ends in time: after two seconds, or shortly before its own
// deadline if that is sooner.
func TestHoldEnds(t *testing.T) {
	t.Parallel()
	n := ownerless(t)
	for name, c := range map[string]struct {
		timeout, atLeast time.Duration
	}{
		"no deadline":       {0, lease.MaxHold},
		"a long deadline":   {30 * time.Second, lease.MaxHold},
		"a short deadline":  {400 * time.Millisecond, 300 * time.Millisecond},
		"a tiny deadline":   {200 * time.Millisecond, 150 * time.Millisecond},
		"a middle deadline": {time.Second, 850 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			if c.timeout != 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.timeout)
				defer cancel()
			}
			began := time.Now()
			_, err := n.create(ctx, name)
			took := time.Since(began)
			wantNoOwner(t, err) // and not that its time has run out
			if took < c.atLeast || took > c.atLeast+time.Second {
				t.Errorf("it took %s, want %s and little more", took, c.atLeast)
			}
		})
	}
}

// hang sends calls that are held, until the function that it returns is called.
func hang(t *testing.T, n *node, count int, req *usersv1.CreateUserRequest) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	errs := make([]error, count)
	before := n.lease.Status().Held
	for i := range count {
		all.Go(func() { _, errs[i] = n.client.CreateUser(ctx, req) })
	}
	holding(t, n, before+int64(count))
	return func() {
		cancel()
		all.Wait()
		for _, err := range errs {
			apierrtest.Want(t, err, errorsv1.Reason_REASON_CANCELLED)
		}
	}
}

// tooMany fails the test unless a request is refused at once.
func tooMany(t *testing.T, n *node, req *usersv1.CreateUserRequest) {
	t.Helper()
	began := time.Now()
	_, err := n.client.CreateUser(t.Context(), req)
	wantNoOwner(t, err)
	if took := time.Since(began); took > time.Second || !strings.Contains(err.Error(), "too many requests wait") {
		t.Errorf("after %s: %v", took, err)
	}
}

// Only so many requests are held. The next is refused at once, and there is room again
// when one has gone.
func TestHeldRequestsAreBounded(t *testing.T) {
	n := ownerless(t)
	leave, ok := n.lease.Occupy(lease.MaxHeld-1, 0)
	if !ok {
		t.Fatal("there is less room")
	}
	for range 2 {
		end := hang(t, n, 1, &usersv1.CreateUserRequest{})
		tooMany(t, n, &usersv1.CreateUserRequest{})
		end()
	}
	leave()
	hang(t, n, 100, &usersv1.CreateUserRequest{})()
}

// What they take together is bounded too, unless there is one alone.
func TestHeldBytesAreBounded(t *testing.T) {
	n := ownerless(t)
	req := &usersv1.CreateUserRequest{User: &usersv1.User{Bio: strings.Repeat("x", 1<<20)}}
	leave, ok := n.lease.Occupy(1, lease.MaxHeldBytes-proto.Size(req))
	if !ok {
		t.Fatal("there is less room")
	}
	for range 2 {
		end := hang(t, n, 1, req)
		tooMany(t, n, &usersv1.CreateUserRequest{User: &usersv1.User{Bio: "x"}})
		hang(t, n, 1, &usersv1.CreateUserRequest{})() // it takes nothing
		end()
	}
	leave()
	leave, ok = n.lease.Occupy(1, lease.MaxHeldBytes+1)
	if !ok {
		t.Error("a large one is refused though there is no other")
	}
	leave()
}

// A client that gives up while its request is held is not waited for.
func TestHoldIsCancelled(t *testing.T) {
	n := ownerless(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := n.create(ctx, "x"); done <- err }()
	holding(t, n, 1)
	cancel()
	select {
	case err := <-done:
		apierrtest.Want(t, err, errorsv1.Reason_REASON_CANCELLED)
	case <-time.After(time.Second):
		t.Error("it is held on")
	}
}
