package lease_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/splitboard/splitboard/internal/apierr/apierrtest"
	"github.com/splitboard/splitboard/internal/lease"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// closes ends a node, which must not take long.
func closes(t *testing.T, n *node) {
	t.Helper()
	began := time.Now()
	if err := n.close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s", took)
	}
	if _, err := os.Lstat(lease.SocketPath(n.dir, n.id)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its socket: %v", err)
	}
}

// A process may stop whatever it is to the store. It leaves nothing behind.
func TestCloseWhileSearching(t *testing.T) {
	n := ownerless(t)
	closes(t, n)
	if got := listing(t, n.dir); got != "" {
		t.Errorf("the folder has %s", got)
	}
}

// The control of what TestMain looks at after all tests.
func TestLeakedGoroutinesAreSeen(t *testing.T) {
	start(t, folder(t), setup{})
	eventually(t, 3*time.Second, "what runs is seen", func() bool { return leaked(0) != "" })
}

func TestCloseWhileForwarding(t *testing.T) {
	a, b := pair(t, setup{})
	b.want(t, "x")
	closes(t, b)
	a.want(t, "y")
}

func TestCloseWhileOwning(t *testing.T) {
	dir := folder(t)
	a := start(t, dir, setup{})
	a.want(t, "x")
	closes(t, a)
	if got := listing(t, dir); got != "journal.jsonl lock store.db" {
		t.Errorf("the folder has %s", got)
	}
	lines := journaled(t, dir, 2)
	if last := lines[len(lines)-1]; last.Event != "releases" || last.Instance != a.id || last.Epoch != 1 || last.Sequence != 1 {
		t.Errorf("the journal ends with %+v", last)
	}
	b := start(t, dir, setup{})
	if p, err := b.store.Position(); err != nil || p.Epoch != 2 {
		t.Errorf("the next finds %+v, %v", p, err)
	}
}

// Changes that are queued are done, and their callers answered, before the store closes.
func TestCloseWaitsForChanges(t *testing.T) {
	a := start(t, folder(t), setup{})
	inside, end := make(chan struct{}), make(chan struct{})
	on(&a.users.inside, func(context.Context) error {
		close(inside)
		<-end
		return nil
	})
	read := make(chan error, 1)
	go func() { _, err := a.get(t.Context(), 1); read <- err }()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := a.lease.Close(ctx); err == nil {
		t.Error("it is closed under a reader")
	}
	close(end)
	if err := <-read; err != nil {
		t.Error(err)
	}
}

// The candidates take the store of one that stops without handing it over.
func TestCloseAmongCandidates(t *testing.T) {
	a, b := pair(t, setup{})
	closes(t, a)
	eventually(t, time.Second, "the candidate owns the store", b.owns)
	b.want(t, "after")
}

// A process that waits for the lock it was promised may stop too. What it is granted
// afterwards it lets go.
func TestCloseWhileTakingOver(t *testing.T) {
	a, b := pair(t, setup{})
	p, err := a.store.Position()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		_, err := b.lease.TakeOver(ctx, lease.PositionProto(p), func() error { close(waits); return nil })
		ended <- err
	}()
	<-waits
	if s := b.lease.Status(); s.State != lease.StateMoving || s.Owner != a.id {
		t.Errorf("while it waits it is %+v", s)
	}
	cancel() // its server ends
	closes(t, b)
	wantAborted(t, <-ended)
	closes(t, a)
	c := start(t, a.dir, setup{})
	eventually(t, time.Second, "another owns the store", c.owns)
	c.want(t, "after")
}

// The lock that was promised and never comes is not waited for long.
func TestTakeOverThatNeverComes(t *testing.T) {
	t.Parallel()
	a, b := pair(t, setup{})
	p, err := a.store.Position()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err = b.lease.TakeOver(t.Context(), lease.PositionProto(p), func() error { return nil })
	wantAborted(t, err)
	if took := time.Since(began); took < time.Second || took > 4*time.Second {
		t.Errorf("it waited for %s", took)
	}
	b.want(t, "after")
	// The next promise is kept, and the old wait serves for it.
	if err := a.handOff(t.Context(), b); err != nil || !b.owns() {
		t.Errorf("the next handoff: %v", err)
	}
	_, err = b.lease.TakeOver(t.Context(), lease.PositionProto(p), func() error { return nil })
	apierrtest.Want(t, err, errorsv1.Reason_REASON_HANDOFF_REFUSED) // it owns the store already
}

// A waiting that nobody was told of ends at once.
func TestTakeOverThatNobodyAwaits(t *testing.T) {
	a, b := pair(t, setup{})
	p, err := a.store.Position()
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("the stream is broken")
	if _, err = b.lease.TakeOver(t.Context(), lease.PositionProto(p), func() error { return gone }); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	closes(t, a)
	eventually(t, time.Second, "it owns the store as any candidate", b.owns)
}
