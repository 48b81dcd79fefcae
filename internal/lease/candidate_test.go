package lease_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/internal/lease"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

// When the owner is lost, a candidate owns the store within a second, and nobody else ever.
func TestCandidateTakesOver(t *testing.T) {
	dir := folder(t)
	a := startChild(t, dir, setup{})
	b, c := start(t, dir, setup{}), start(t, dir, setup{})
	never1 := start(t, dir, setup{NeverOwn: true})
	stopping := start(t, dir, setup{})
	all := []*node{b, c, never1, stopping}
	for _, n := range all {
		forwards(t, n, a.id)
	}
	stopping.lease.Retire()
	a.kill(t)
	began := time.Now()
	owner := ownerOf(t, time.Second, all...)
	t.Logf("owned again after %s", time.Since(began))
	if owner != b && owner != c {
		t.Error("one that is no candidate owns the store")
	}
	for _, n := range all {
		n.want(t, "after")
	}
	published(t, owner, 2)
	eventually(t, time.Second, "the dead one's socket is removed", func() bool {
		_, err := os.Lstat(lease.SocketPath(dir, a.id))
		return os.IsNotExist(err)
	})
}

// Without a candidate nobody owns the store, and the first one that comes does.
func TestNoCandidate(t *testing.T) {
	dir := folder(t)
	a := start(t, dir, setup{})
	b := start(t, dir, setup{NeverOwn: true})
	c := start(t, dir, setup{})
	c.lease.Retire()
	for _, n := range []*node{b, c} {
		forwards(t, n, a.id)
	}
	if err := a.die(); err != nil {
		t.Fatal(err)
	}
	never(t, 1500*time.Millisecond, "one that is no candidate owns the store", func() bool { return b.owns() || c.owns() })
	for _, n := range []*node{b, c} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err := n.create(ctx, "nobody")
		cancel()
		wantNoOwner(t, err)
	}
	held := make(chan error, 1)
	go func() { _, err := b.create(t.Context(), "held"); held <- err }()
	holding(t, b, 2)
	d := start(t, dir, setup{})
	if err := <-held; err != nil || !d.owns() || d.names(t)["held"] != 1 {
		t.Errorf("the one that came: %v", err)
	}
}

// A command that works on the store itself has the lock and no socket. Candidates take the
// store over when it is done.
func TestCandidateBesideACommand(t *testing.T) {
	dir := folder(t)
	lock := acquire(t, dir, owner("a command"))
	a := start(t, dir, setup{})
	never(t, 200*time.Millisecond, "it took a lock that is held", a.owns)
	made(t, dir)
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Second, "it owns the store", a.owns)
	a.want(t, "after")
}

// A lock that is free although its owner seems to live is found free in time.
func TestCandidateThatHearsNothing(t *testing.T) {
	dir := folder(t)
	made(t, dir)
	lock := acquire(t, dir, owner("a command"))
	b := start(t, dir, setup{NeverOwn: true, admin: lies})
	a := start(t, dir, setup{})
	forwards(t, a, b.id)
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 3*time.Second, "it owns the store", a.owns)
	a.want(t, "after")
}

// A candidate that cannot read the store says so once, tries more and more seldom, and
// leaves it to another that can.
func TestCandidateThatCannot(t *testing.T) {
	dir := folder(t)
	migrated(t, dir)
	a := start(t, dir, setup{Version: 2})
	old := start(t, dir, setup{Version: 1})
	forwards(t, old, a.id)
	if err := a.die(); err != nil {
		t.Fatal(err)
	}
	const cannot = "cannot own the store, and only forwards for now"
	eventually(t, 3*time.Second, "it tries again and again", func() bool { return old.lease.Backoff() >= 200*time.Millisecond })
	if got := strings.Count(old.log.String(), cannot); got != 1 {
		t.Errorf("it says so %d times", got)
	}
	if s := old.lease.Status(); s.State != lease.StateForwarder || !strings.Contains(s.Refusal, "newer binary") {
		t.Errorf("it is to the store: %+v", s)
	}
	if old.owns() {
		t.Error("it owns a store that it cannot read")
	}
	// It holds the lock for a moment now and then, so that another may have to wait for it.
	b := start(t, dir, setup{Version: 2})
	eventually(t, time.Second, "another owns the store", b.owns)
	old.want(t, "after")
	if p, err := b.store.Position(); err != nil || p.Epoch != 3 { // the first made it
		t.Errorf("the store is at %+v, %v", p, err)
	}
}

// A store that is gone or damaged when it is to be taken over is not served, and none is
// made in its place.
func TestTakingOverBadStore(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(path string) error
		why   string
	}{
		"gone":    {os.Remove, "there is no store"},
		"empty":   {func(path string) error { return os.WriteFile(path, nil, 0o600) }, "is empty"},
		"damaged": {func(path string) error { return os.WriteFile(path, make([]byte, 1<<16), 0o600) }, "cannot be read as a store"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t, setup{})
			a.want(t, "before")
			path := filepath.Join(a.dir, storeFile)
			var whole []byte
			err := a.lease.HandOff(t.Context(), b.id, false, at(adminv1.HandoffStep_HANDOFF_STEP_CLOSED, func() {
				var err error
				if whole, err = os.ReadFile(path); err == nil {
					err = c.spoil(path)
				}
				if err != nil {
					t.Error(err)
				}
			}))
			wantAborted(t, err)
			for _, n := range []*node{a, b} {
				eventually(t, time.Second, "it says why it does not own the store", func() bool { return strings.Contains(n.lease.Status().Refusal, c.why) })
				if n.owns() || n.lease.Status().State != lease.StateForwarder {
					t.Errorf("it is to the store: %+v", n.lease.Status())
				}
			}
			if now, err := os.ReadFile(path); err == nil && len(now) == len(whole) {
				t.Error("a store was made")
			}
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			ownerOf(t, 3*time.Second, a, b)
			for _, n := range []*node{a, b} {
				if got := n.names(t); got["before"] != 1 {
					t.Errorf("the store has %v", got)
				}
			}
		})
	}
}
