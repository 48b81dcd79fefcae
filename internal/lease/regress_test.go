package lease_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

// An owner that breaks a handoff off, serves on and dies leaves a store that is ahead of
// what the target was told, and right.
func TestTargetOfABrokenHandoffTakesALaterStore(t *testing.T) {
	a, b := pair(t, setup{})
	a.want(t, "before")
	told, err := a.store.Position()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waits, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := b.lease.TakeOver(ctx, lease.PositionProto(told), func() error { close(waits); return nil })
		ended <- err
	}()
	<-waits
	a.want(t, "written on")
	cancel()
	if err := a.die(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("taking over: %v", err)
	}
	b.want(t, "after")
}

// What a handoff reports is what was compared, whatever is written right after.
func TestPositionsOfAHandoffAreTheSame(t *testing.T) {
	a, b := pair(t, setup{})
	var enough atomic.Bool
	stopped := make(chan error, 8)
	for i := range cap(stopped) {
		n := []*node{a, b}[i%2]
		go func() {
			for !enough.Load() {
				if _, err := n.create(t.Context(), "w"); err != nil {
					stopped <- err
					return
				}
			}
			stopped <- nil
		}()
	}
	from, to := a, b
	for range 10 {
		positions := make(map[adminv1.HandoffStep]store.Position)
		if err := from.lease.HandOff(t.Context(), to.id, false, func(s adminv1.HandoffStep, p *store.Position) {
			if p != nil {
				positions[s] = *p
			}
		}); err != nil {
			t.Fatal(err)
		}
		recorded, owned := positions[adminv1.HandoffStep_HANDOFF_STEP_RECORDED], positions[adminv1.HandoffStep_HANDOFF_STEP_OWNED]
		recorded.Epoch++
		if recorded != owned || owned.UUID == "" {
			t.Errorf("recorded in the epoch before: %+v; owned: %+v", recorded, owned)
		}
		from, to = to, from
	}
	enough.Store(true)
	for range cap(stopped) {
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	}
}

// Clients in a hurry do not make a forwarder doubt an owner that answers others.
func TestShortDeadlinesDoNotLoseTheOwner(t *testing.T) {
	a, b := pair(t, setup{})
	a.want(t, "x")
	b.want(t, "y")
	on(&a.users.before, func(ctx context.Context) error {
		if d, ok := ctx.Deadline(); ok && time.Until(d) < 20*time.Millisecond {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	held := b.lease.Status().Held
	for range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := b.get(ctx, 1)
		cancel()
		if err == nil {
			t.Error("the call in a hurry was answered")
		}
		if _, err := b.get(t.Context(), 1); err != nil {
			t.Errorf("its neighbour: %v", err)
		}
	}
	if n := b.lease.Status().Held - held; n > 0 {
		t.Errorf("%d calls were held, though the owner was there", n)
	}
}

// A process that stops takes its store back if the only one that it could give it to dies
// at that moment.
func TestStoreIsTakenBack(t *testing.T) {
	lost := status.Error(codes.Unavailable, "lost")
	a, b := targets(t, func(_ adminv1.AdminServiceServer, _ *adminv1.TakeOverRequest, stream grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error {
		// It says that it waits, and is never seen again.
		return errors.Join(stream.Send(&adminv1.TakeOverResponse{}), lost)
	})
	b.lease.Retire() // nor does it come by itself
	a.want(t, "before")
	a.lease.Retire()
	if err := a.lease.HandOffToAny(t.Context()); err == nil {
		t.Error("nobody took it, and nothing is said")
	}
	if !a.owns() || b.owns() {
		t.Errorf("a owns: %t, b owns: %t", a.owns(), b.owns())
	}
	a.want(t, "after")
}
