package drills

import (
	"testing"

	"github.com/splitboard/splitboard/deploy/rehearsal/audit"
	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// TestKeys kills owners between a commit and its answers. Only the keys that a forwarder
// gives to its clients' writes, which have none, keep those from being done again.
func TestKeys(t *testing.T) {
	t.Run("on", func(t *testing.T) {
		records, found := killCommitters(t)
		wantServed(t, records, found)
	})
	// A control.
	t.Run("off", func(t *testing.T) {
		_, found := killCommitters(t, "keys off")
		if len(found.Doubled) == 0 {
			t.Errorf("no write was doubled: %s", &found)
		}
		if len(found.Lost) > 0 {
			t.Errorf("more than doubled writes: %s", &found)
		}
	})
}

// killCommitters kills three owners with commits that nobody has been told of. The
// forwarder has the given fail points.
func killCommitters(t *testing.T, lines ...string) ([]load.Record, audit.Finding) {
	b := newBoard(t, failpoints)
	b.start(t, "the first monolith", cast.Monolith)
	b.start(t, "the second monolith", cast.Monolith)
	forwarder := b.start(t, "the forwarder", cast.Monolith, "--no-own")
	b.arm(t, forwarder, lines...)
	c := load.Default()
	c.Keys, c.Writes = false, 0.9
	a := ask(t, c, newEntry(forwarder))
	for range 3 {
		a.more(t, 300)
		owner := b.owner(t, load.Posts)
		if owner == nil {
			t.Fatal("nobody owns the posts")
		}
		b.arm(t, owner, "store.committed kill")
		<-owner.Done()
		b.arm(t, owner)
		waitFor(t, "another process owns all stores", func() bool { return b.served(t) })
		restart(t, owner)
	}
	a.more(t, 300)
	return b.end(t, a)
}

// TestGate hands stores to and fro under load. Only the gate keeps requests out of a
// store that is about to be closed.
func TestGate(t *testing.T) {
	t.Run("on", func(t *testing.T) {
		records, found := passAround(t)
		wantServed(t, records, found)
	})
	// A control.
	t.Run("off", func(t *testing.T) {
		records, found := passAround(t, "gate off")
		failed := len(failures(records))
		t.Logf("%d requests failed; %s", failed, &found)
		if failed == 0 && found.OK() {
			t.Error("no request failed, and no write was lost")
		}
	})
}

// passAround hands all stores to a second monolith and back, while clients enter through
// both. Both have the given fail points.
func passAround(t *testing.T, lines ...string) ([]load.Record, audit.Finding) {
	t.Helper()
	b := newBoard(t, failpoints)
	first := b.start(t, "the first monolith", cast.Monolith)
	second := b.start(t, "the second monolith", cast.Monolith)
	b.arm(t, first, lines...)
	b.arm(t, second, lines...)
	a := ask(t, load.Default(), newEntry(first, second))
	for n := range 4 {
		a.more(t, 300)
		to := []*cast.Process{second, first}[n%2]
		for _, service := range services {
			b.handoff(t, service, to.Instance())
		}
	}
	a.more(t, 300)
	return b.end(t, a)
}
