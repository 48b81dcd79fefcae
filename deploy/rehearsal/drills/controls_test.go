package drills

import (
	"testing"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// TestKeys kills owners between a commit and its answers. Only the keys that a forwarder
// gives to its clients' writes, which have none, keep those from being done again.
func TestKeys(t *testing.T) {
	t.Run("on", func(t *testing.T) {
		o := killCommitters(t)
		o.wantServed(t)
	})
	// A control.
	t.Run("off", func(t *testing.T) {
		o := killCommitters(t, "keys off")
		if len(o.found.Doubled) == 0 || len(o.found.Lost) > 0 || o.damage != nil {
			t.Errorf("want doubled writes and no more: %s, %v", &o.found, o.damage)
		}
	})
}

// killCommitters kills three owners with commits that nobody has been told of. The
// forwarder has the given fail points.
func killCommitters(t *testing.T, lines ...string) outcome {
	t.Helper()
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
		owner := b.mustOwn(t, load.Posts)
		b.arm(t, owner, "store.committed kill")
		<-owner.Done()
		b.arm(t, owner)
		b.waitServed(t)
		restart(t, owner)
	}
	a.more(t, 300)
	return b.end(t, a)
}

// TestGate hands stores to and fro under load. Only the gate keeps requests out of a
// store that is about to be closed.
func TestGate(t *testing.T) {
	t.Run("on", func(t *testing.T) {
		o, refused := passAround(t)
		o.wantServed(t)
		if refused > 0 {
			t.Errorf("%d handoffs failed", refused)
		}
	})
	// A control.
	t.Run("off", func(t *testing.T) {
		o, refused := passAround(t, "gate off")
		t.Logf("%d requests and %d handoffs failed; %s; %v", len(o.failed), refused, &o.found, o.damage)
		if len(o.failed) == 0 && len(o.found.Lost) == 0 {
			t.Error("no request failed, and no write was lost")
		}
	})
}

// passAround hands all stores to a second monolith and back, while clients enter through
// both, and counts the handoffs that failed. Both processes have the given fail points.
func passAround(t *testing.T, lines ...string) (o outcome, refused int) {
	t.Helper()
	b := newBoard(t, failpoints)
	first := b.start(t, "the first monolith", cast.Monolith)
	second := b.start(t, "the second monolith", cast.Monolith)
	// A post that is to be written asks for its user and its thread, and waits as long as
	// their stores move. Meanwhile its own store moves away.
	lines = append(lines, "takeover.opened sleep 20ms")
	b.arm(t, first, lines...)
	b.arm(t, second, lines...)
	a := ask(t, load.Default(), newEntry(first, second))
	for n := range 6 {
		a.more(t, 300)
		to := []*cast.Process{second, first}[n%2]
		refused += b.handAll(t, to)
	}
	a.more(t, 300)
	return b.end(t, a), refused
}

// handAll hands all stores to a process, at the same time, and counts the handoffs that
// failed.
func (b *board) handAll(t *testing.T, to *cast.Process) (refused int) {
	t.Helper()
	ends := make(chan error)
	for _, service := range services {
		go func() {
			_, err := b.operator().Handoff(t.Context(), service, to.Instance())
			ends <- err
		}()
	}
	for range services {
		switch err := <-ends; cast.ExitCode(err) {
		case 0:
		case -1:
			t.Error(err)
		default:
			refused++
		}
	}
	return refused
}
