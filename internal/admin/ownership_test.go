package admin

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/lease"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

func TestUnknownService(t *testing.T) {
	f := serve(t)
	rpc := f.client.rpc
	for name, call := range map[string]func(ctx context.Context, service string) error{
		"GetOwner": func(ctx context.Context, service string) error {
			_, err := rpc.GetOwner(ctx, &adminv1.GetOwnerRequest{Service: service})
			return err
		},
		"CheckTakeover": func(ctx context.Context, service string) error {
			_, err := rpc.CheckTakeover(ctx, &adminv1.CheckTakeoverRequest{Service: service})
			return err
		},
		"ListHolds": func(ctx context.Context, service string) error {
			_, err := rpc.ListHolds(ctx, &adminv1.ListHoldsRequest{Service: service})
			return err
		},
		"Handoff": func(ctx context.Context, service string) error {
			return f.client.HandOff(ctx, service, "x", false, func(*adminv1.HandoffResponse) { t.Error("a step is done") })
		},
		"TakeOver": func(ctx context.Context, service string) error {
			stream, err := rpc.TakeOver(ctx, &adminv1.TakeOverRequest{Service: service})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
		"Backup": func(ctx context.Context, service string) error {
			stream, err := rpc.Backup(ctx, &adminv1.BackupRequest{Service: service})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
	} {
		for _, service := range []string{"", "threads", "../test"} {
			if err := call(t.Context(), service); status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), "does not serve that store") {
				t.Errorf("%s of %q: %v", name, service, err)
			}
		}
	}
}

// The owner is found whatever the hint says, and whoever has a socket beside it.
func TestDialOwner(t *testing.T) {
	owner := serve(t)
	other := join(t, owner.dir)
	for _, hint := range []string{"", "{", `{"instance":"` + other.instance + `"}`, `{"instance":"` + owner.instance + `"}`} {
		if err := os.WriteFile(owner.dir+"/owner.json", []byte(hint), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := DialOwner(t.Context(), owner.dir, "test")
		if err != nil {
			t.Fatalf("with the hint %s: %v", hint, err)
		}
		if c.Instance != owner.instance {
			t.Errorf("with the hint %s: found %s, want %s", hint, c.Instance, owner.instance)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A store that moves has no owner for a moment; one without an owner has none for longer.
func TestDialOwnerWaits(t *testing.T) {
	f := serve(t)
	add(t, f.store, 1)
	if err := f.lease.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, err := DialOwner(t.Context(), f.dir, "test"); !errors.Is(err, ErrNotServed) {
		t.Errorf("nobody owns the store: %v, %v", c, err)
	}
	held, err := lease.Acquire(f.dir, lease.Owner{Instance: lease.NewInstance()}, false)
	if err != nil {
		t.Fatal(err)
	}
	next := join(t, f.dir)
	found := make(chan error, 1)
	go func() {
		c, err := DialOwner(t.Context(), f.dir, "test")
		if err == nil {
			if c.Instance != next.instance {
				err = errors.New("found " + c.Instance)
			}
			err = errors.Join(err, c.Close())
		}
		found <- err
	}()
	select {
	case err := <-found:
		t.Errorf("found while the lock is held: %v", err)
	case <-time.After(5 * askAgain):
	}
	if err := held.Release(); err != nil {
		t.Fatal(err)
	}
	if err := <-found; err != nil {
		t.Error(err)
	}
}

func TestHandoff(t *testing.T) {
	a := serve(t)
	b := join(t, a.dir)
	add(t, a.store, 1)
	before, err := a.store.Position()
	if err != nil {
		t.Fatal(err)
	}
	var steps []adminv1.HandoffStep
	positions := make(map[adminv1.HandoffStep]*adminv1.Position)
	note := func(r *adminv1.HandoffResponse) {
		steps = append(steps, r.GetStep())
		if p := r.GetPosition(); p != nil {
			positions[r.GetStep()] = p
		}
	}
	if err := a.client.HandOff(t.Context(), "test", b.instance, true, note); err != nil || !slices.Equal(steps, []adminv1.HandoffStep{adminv1.HandoffStep_HANDOFF_STEP_ASKED}) {
		t.Errorf("a dry run: %v, %v", steps, err)
	}
	if resp, err := a.client.rpc.GetOwner(t.Context(), &adminv1.GetOwnerRequest{Service: "test"}); err != nil || !resp.GetOwning() {
		t.Errorf("after a dry run: %v, %v", resp, err)
	}
	steps = nil
	if err := a.client.HandOff(t.Context(), "test", b.instance, false, note); err != nil {
		t.Fatal(err)
	}
	for i, s := range steps {
		if int(s) != i+1 { // in the order in which the proto has them
			t.Errorf("the steps are %v", steps)
			break
		}
	}
	recorded, owned := positions[adminv1.HandoffStep_HANDOFF_STEP_RECORDED], positions[adminv1.HandoffStep_HANDOFF_STEP_OWNED]
	if len(steps) != 8 || len(positions) != 2 || owned.GetUuid() != before.UUID || owned.GetSequence() != recorded.GetSequence() || owned.GetChecksum() != recorded.GetChecksum() ||
		recorded.GetEpoch() != 1 || owned.GetEpoch() != 2 {
		t.Errorf("steps %v, positions %v; the store was at %+v", steps, positions, before)
	}
	for _, f := range []*fixture{a, b} {
		resp, err := f.client.rpc.GetOwner(t.Context(), &adminv1.GetOwnerRequest{Service: "test"})
		if err != nil || resp.GetOwner() != b.instance || resp.GetOwning() != (f == b) || f == b && resp.GetEpoch() != 2 {
			t.Errorf("asked who owns the store %s says %v, %v; it is %s", f.instance, resp, err, b.instance)
		}
	}
	add(t, b.store, 1)

	// The one that has given it up says so.
	for name, to := range map[string]string{"to itself": a.instance, "to the owner": b.instance} {
		err := a.client.HandOff(t.Context(), "test", to, false, note)
		if st := status.Convert(err); st.Code() != codes.Unavailable || apierr.ReasonOf(st) != "NOT_OWNER" {
			t.Errorf("%s: %v", name, err)
		}
	}
	var out bytes.Buffer
	if err := a.client.Backup(t.Context(), "test", &out); !errors.Is(err, ErrMoved) || out.Len() > 0 {
		t.Errorf("a backup of what it does not own: %v and %d bytes", err, out.Len())
	}
	got, err := a.client.Status(t.Context())
	if err != nil || len(got.GetStores()) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	if s := got.GetStores()[0]; s.GetState() != adminv1.StoreState_STORE_STATE_CANDIDATE || s.GetOwner() != b.instance || s.GetUuid() != "" || s.GetOpenTime() != nil {
		t.Errorf("its status: %v", s)
	}
}

func TestHandoffRefused(t *testing.T) {
	a := serve(t)
	b := join(t, a.dir)
	b.lease.Retire()
	for name, c := range map[string]struct{ to, says string }{
		"one that is not there": {lease.NewInstance(), "it does not answer"},
		"nobody":                {"", "it does not answer"},
		"itself":                {a.instance, "owns the store already"},
		"one that is stopping":  {b.instance, b.instance + " cannot own the store: it is stopping"},
	} {
		err := a.client.HandOff(t.Context(), "test", c.to, false, func(*adminv1.HandoffResponse) { t.Errorf("%s: a step is done", name) })
		if st := status.Convert(err); st.Code() != codes.FailedPrecondition || !strings.Contains(st.Message(), c.says) {
			t.Errorf("to %s: %v, want %q", name, err, c.says)
		}
	}
	add(t, a.store, 1) // it serves as before
}

func TestListHolds(t *testing.T) {
	f := serve(t)
	held, err := f.client.Holds(t.Context(), "test", time.Time{})
	if err != nil || len(held) != 0 {
		t.Errorf("holds of a process that held nothing: %v, %v", held, err)
	}
	if _, err := f.client.Holds(t.Context(), "threads", time.Time{}); err == nil || !strings.Contains(err.Error(), "does not serve that store") {
		t.Errorf("holds of an unknown service: %v", err)
	}
}
