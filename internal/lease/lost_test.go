package lease_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/splitboard/splitboard/internal/idempotency"
)

// killed kills a node when the function that it returns is called, which returns when the
// call that it is called in is broken off.
func killed(t *testing.T, n *node) func(context.Context) error {
	t.Helper()
	now := make(chan struct{})
	go func() {
		select {
		case <-now:
			if err := n.die(); err != nil {
				t.Error(err)
			}
		case <-t.Context().Done():
		}
	}()
	return func(ctx context.Context) error {
		close(now)
		<-ctx.Done()
		return ctx.Err()
	}
}

// The owner dies after it has committed a write and before it has answered. The write is
// sent again, answered from its key, and there once: by whoever owns the store then.
func TestAnswerLost(t *testing.T) {
	for name, c := range map[string]struct {
		key      string
		neverOwn bool // the process that the client asks
	}{
		"the forwarder becomes the owner":           {},
		"another becomes the owner":                 {neverOwn: true},
		"the forwarder becomes the owner, with key": {key: "the-key"},
		"another becomes the owner, with key":       {key: "the-key", neverOwn: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t)
			a := start(t, dir, setup{})
			b := start(t, dir, setup{NeverOwn: c.neverOwn})
			forwards(t, b, a.id)
			next := b
			if c.neverOwn {
				next = start(t, dir, setup{})
				forwards(t, next, a.id)
			}
			on(&a.users.after, killed(t, a))
			ctx := t.Context()
			if c.key != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, idempotency.Metadata, c.key)
			}
			began := time.Now()
			u, err := b.create(ctx, "once")
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("answered after %s", time.Since(began))
			if !next.owns() {
				t.Error("the other does not own the store")
			}
			if got := next.names(t); got["once"] != 1 || len(got) != 1 {
				t.Errorf("the store has %v", got)
			}
			if got, err := next.get(t.Context(), u.GetId()); err != nil || got.GetUsername() != "once" {
				t.Errorf("under the answer's id is %v, %v", got, err)
			}
			if a.users.calls.Load() != 1 || next.store.AnswersFromKeys() != 1 {
				t.Errorf("the dead owner was asked %d times, and %d answers came from keys", a.users.calls.Load(), next.store.AnswersFromKeys())
			}
		})
	}
}

// The owner dies before it has done a write. It is done elsewhere.
func TestRequestLost(t *testing.T) {
	a, b := pair(t, setup{})
	on(&a.users.before, killed(t, a))
	if _, err := b.create(t.Context(), "once"); err != nil {
		t.Fatal(err)
	}
	if got := b.names(t); got["once"] != 1 || b.store.AnswersFromKeys() != 0 {
		t.Errorf("the store has %v, and %d answers came from keys", got, b.store.AnswersFromKeys())
	}
}

// Many writes are under way in the owner when it dies, at whatever point each is. Each is
// answered, and there once.
func TestOwnerDiesUnderLoad(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	dir := folder(t)
	owner, other := start(t, dir, setup{}), start(t, dir, setup{})
	written, fromKeys := 0, uint64(0)
	for range rounds {
		forwards(t, other, owner.id)
		third := start(t, dir, setup{NeverOwn: true})
		forwards(t, third, owner.id)
		asked := []*node{other, third}
		killed := make(chan error, 1)
		go func() {
			for i := 0; owner.users.calls.Load() < 40 && i < 10_000; i++ {
				<-time.After(100 * time.Microsecond)
			}
			killed <- owner.die()
		}()
		const clients, writes = 8, 20
		err := each(clients, func(i int) error {
			for range writes {
				if _, err := asked[i%2].create(t.Context(), t.Name()); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(err, <-killed, third.close()); err != nil {
			t.Fatal(err)
		}
		written += clients * writes
		if got := other.names(t)[t.Name()]; got != written {
			t.Fatalf("%d writes were acknowledged, and %d are there", written, got)
		}
		fromKeys += other.store.AnswersFromKeys()
		owner, other = other, start(t, dir, setup{})
	}
	t.Logf("%d writes, %d answered from keys", written, fromKeys)
}
