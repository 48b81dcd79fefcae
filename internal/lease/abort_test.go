package lease_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

// stillOwns fails the test unless a node owns the store as before a handoff to another
// that was broken off.
func stillOwns(t *testing.T, n, other *node, epoch uint64) {
	t.Helper()
	if !n.owns() || other.owns() {
		t.Error("the wrong one owns the store")
	}
	for _, n := range []*node{n, other} {
		n.want(t, "after it was broken off")
	}
	if p, err := n.store.Position(); err != nil || p.Epoch != epoch {
		t.Errorf("the store is at %+v, %v; want epoch %d", p, err, epoch)
	}
	lines := journal(t, n.dir)
	if last := lines[len(lines)-1]; last.Event != "aborts" || last.Instance != n.id || last.To != other.id || last.Why == "" {
		t.Errorf("the journal ends with %+v", last)
	}
	if !strings.Contains(n.log.String(), "handoff broken off") {
		t.Error("the log does not say so")
	}
}

// Work that does not end stops a handoff, and nothing else: what came meanwhile is held
// and then served.
func TestHandoffOfBusyStore(t *testing.T) {
	a, b := pair(t, setup{})
	a.want(t, "x")
	inside, end := make(chan struct{}), make(chan struct{})
	var entered atomic.Bool
	on(&a.users.inside, func(context.Context) error {
		if entered.CompareAndSwap(false, true) {
			close(inside)
			<-end
		}
		return nil
	})
	reader := make(chan error, 1)
	go func() { _, err := a.get(t.Context(), 1); reader <- err }()
	<-inside
	held := make(chan error, 1)
	var r recorder
	began := time.Now()
	err := a.lease.HandOff(t.Context(), b.id, false, func(step adminv1.HandoffStep, p *store.Position) {
		r.report(step, p)
		if step == adminv1.HandoffStep_HANDOFF_STEP_GATE_CLOSED {
			go func() {
				held <- each(20, func(i int) error {
					_, err := []*node{a, b}[i%2].create(t.Context(), "held")
					return err
				})
			}()
		}
	})
	took := time.Since(began)
	wantAborted(t, err)
	if took < lease.DrainTimeout || took > lease.DrainTimeout+500*time.Millisecond {
		t.Errorf("it was broken off after %s", took)
	}
	if len(r.steps) != 2 || !strings.Contains(apierr.Status(err).Message(), a.id+" owns the store as before") {
		t.Errorf("after the steps %v: %v", r.steps, err)
	}
	if err := <-held; err != nil {
		t.Error(err)
	}
	stillOwns(t, a, b, 1)
	if a.lease.Status().LongestHold < lease.DrainTimeout/2 {
		t.Errorf("what came meanwhile was held for %s", a.lease.Status().LongestHold)
	}
	close(end)
	if err := <-reader; err != nil {
		t.Errorf("the work that was in flight: %v", err)
	}
	if err := a.handOff(t.Context(), b); err != nil || b.names(t)["held"] != 20 {
		t.Errorf("the next handoff: %v, and the store has %v", err, b.names(t))
	}
}

// A handoff that cannot be written into the store is broken off.
func TestHandoffCannotBeRecorded(t *testing.T) {
	dir := folder(t)
	a := start(t, dir, setup{})
	b := start(t, dir, setup{Instance: "\xff"}) // which no message can carry
	var r recorder
	err := a.lease.HandOff(t.Context(), b.id, false, r.report)
	wantAborted(t, err)
	if len(r.steps) != 3 || err == nil || !strings.Contains(err.Error(), "recording it") {
		t.Errorf("after the steps %v: %v", r.steps, err)
	}
	a.want(t, "after")
	if p, err := a.store.Position(); err != nil || p.Epoch != 1 || !a.owns() {
		t.Errorf("the store is at %+v, %v", p, err)
	}
}

// A target answers TakeOver as a test wants it to.
type target struct {
	adminv1.AdminServiceServer
	takeOver func(*adminv1.TakeOverRequest, grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error
}

func (s target) TakeOver(req *adminv1.TakeOverRequest, stream grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error {
	return s.takeOver(req, stream)
}

// targets gives an owner and a node that answers TakeOver as answer says, given the node's
// own server.
func targets(t *testing.T, answer func(adminv1.AdminServiceServer, *adminv1.TakeOverRequest, grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error) (owner, other *node) {
	t.Helper()
	return pair(t, setup{admin: func(s adminv1.AdminServiceServer) adminv1.AdminServiceServer {
		return target{s, func(req *adminv1.TakeOverRequest, stream grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error {
			return answer(s, req, stream)
		}}
	}})
}

// A target that does not say that it waits for the lock does not get it.
func TestHandoffToOneThatIsNotReady(t *testing.T) {
	for name, answer := range map[string]func(adminv1.AdminServiceServer, *adminv1.TakeOverRequest, grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error{
		"says nothing": func(_ adminv1.AdminServiceServer, _ *adminv1.TakeOverRequest, stream grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error {
			<-stream.Context().Done()
			return nil
		},
		"refuses": func(adminv1.AdminServiceServer, *adminv1.TakeOverRequest, grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error {
			return lease.ErrRefused
		},
		"ends": func(adminv1.AdminServiceServer, *adminv1.TakeOverRequest, grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error {
			return nil
		},
		"says that it owns it": func(_ adminv1.AdminServiceServer, req *adminv1.TakeOverRequest, stream grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error {
			return stream.Send(&adminv1.TakeOverResponse{Owned: req.GetPosition()})
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := targets(t, answer)
			var r recorder
			began := time.Now()
			err := a.lease.HandOff(t.Context(), b.id, false, r.report)
			wantAborted(t, err)
			if took := time.Since(began); took > time.Second || len(r.steps) != 4 {
				t.Errorf("after %s and the steps %v", took, r.steps)
			}
			stillOwns(t, a, b, 1)
		})
	}
}

// A target that is given the lock and takes it not leaves it to whoever is able.
func TestHandoffToOneThatDoesNotTake(t *testing.T) {
	a, b := targets(t, func(_ adminv1.AdminServiceServer, _ *adminv1.TakeOverRequest, stream grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error {
		if err := stream.Send(&adminv1.TakeOverResponse{}); err != nil {
			return err
		}
		<-stream.Context().Done()
		return nil
	})
	a.want(t, "before")
	held := make(chan error, 1)
	began := time.Now()
	err := a.lease.HandOff(t.Context(), b.id, false, at(adminv1.HandoffStep_HANDOFF_STEP_UNLOCKED, func() {
		go func() { _, err := a.create(t.Context(), "held"); held <- err }()
	}))
	// Who tries the lock meanwhile gets it; there is no other than these two.
	if err != nil {
		wantAborted(t, err)
	}
	owner := ownerOf(t, 3*time.Second, a, b)
	t.Logf("%s owns the store again after %s: %v", map[bool]string{true: "a", false: "b"}[owner == a], time.Since(began), err)
	if err := <-held; err != nil {
		t.Error(err)
	}
	for _, n := range []*node{a, b} {
		n.want(t, "after")
		if got := n.names(t); got["before"] != 1 || got["held"] != 1 {
			t.Errorf("the store has %v", got)
		}
	}
}

// A store that is not as its owner left it is not served by the target that was told so.
func TestMismatch(t *testing.T) {
	for name, tamper := range map[string]func(*adminv1.Position){
		"checksum": func(p *adminv1.Position) { p.Checksum++ },
		"sequence": func(p *adminv1.Position) { p.Sequence++ },
		"epoch":    func(p *adminv1.Position) { p.Epoch++ },
		"uuid":     func(p *adminv1.Position) { p.Uuid = "another store's" },
		"all":      func(p *adminv1.Position) { p.Reset() },
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			a, b := targets(t, func(s adminv1.AdminServiceServer, req *adminv1.TakeOverRequest, stream grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error {
				tamper(req.GetPosition())
				err := s.TakeOver(req, stream)
				ended <- err
				return err
			})
			a.want(t, "before")
			err := a.handOff(t.Context(), b)
			wantAborted(t, err)
			if code := apierr.Status(<-ended).Code(); code != codes.DataLoss {
				t.Errorf("the target says %s", code)
			}
			if !strings.Contains(b.log.String(), "the store is not as its owner left it") {
				t.Error("it does not say so loudly")
			}
			// Not even when nobody tells it anything.
			eventually(t, 3*time.Second, "the other owns the store again", a.owns)
			if s := b.lease.Status(); s.State != lease.StateForwarder || !strings.Contains(s.Refusal, "stays out of it") {
				t.Errorf("the target is %+v", s)
			}
			lines := journaled(t, a.dir, 4)
			if lines[2].Event != "releases" || lines[2].Instance != b.id || lines[2].Epoch != 2 || lines[2].Why == "" {
				t.Errorf("the journal has %+v", lines)
			}
			for _, l := range lines {
				if l.Event == "owns" && l.Epoch == 2 {
					t.Error("the target served the store that it found wrong")
				}
			}
			for _, n := range []*node{a, b} {
				n.want(t, "after")
			}
		})
	}
}

// Another candidate may have been faster than the target, and have served the store in
// between. That is no mismatch.
func TestAnotherServedInBetween(t *testing.T) {
	a, b := targets(t, func(s adminv1.AdminServiceServer, req *adminv1.TakeOverRequest, stream grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error {
		p := req.GetPosition()
		p.Epoch, p.Sequence, p.Checksum = p.GetEpoch()-1, p.GetSequence()-1, 0
		return s.TakeOver(req, stream)
	})
	a.want(t, "before")
	if err := a.handOff(t.Context(), b); err != nil || !b.owns() {
		t.Errorf("%v", err)
	}
	a.want(t, "after")
}

// Whether somebody still listens to a handoff changes nothing about it.
func TestHandoffWhoseCallerIsGone(t *testing.T) {
	a, b := pair(t, setup{})
	ctx, cancel := context.WithCancel(t.Context())
	err := a.lease.HandOff(ctx, b.id, false, at(adminv1.HandoffStep_HANDOFF_STEP_DRAINED, cancel))
	if err != nil || !b.owns() || !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("%v", err)
	}
	a.want(t, "after")
}
