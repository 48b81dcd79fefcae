package drills

import (
	"testing"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// TestKeys kills owners between a commit and its answers. Only the keys that a forwarder
// gives to its clients' writes, which have none, keep those from being done again.
func TestKeys(t *testing.T) {
	t.Parallel()
	t.Run("on", func(t *testing.T) {
		t.Parallel()
		o := killCommitters(t)
		o.wantServed(t)
	})
	// A control.
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		o := killCommitters(t, "keys off")
		t.Logf("%d writes were done twice", len(o.found.Doubled))
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
	t.Parallel()
	t.Run("on", func(t *testing.T) {
		t.Parallel()
		o, refused := passAround(t)
		o.wantServed(t)
		if refused > 0 {
			t.Errorf("%d handoffs failed", refused)
		}
	})
	// A control.
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		o, refused := passAround(t, "gate off")
		t.Logf("%d requests and %d handoffs failed; %s; %v", len(o.failed), refused, &o.found, o.damage)
		if len(o.failed) == 0 && len(o.found.Lost) == 0 {
			t.Error("no request failed, and no write was lost")
		}
	})
}

// passAround hands the stores of users and posts to a second monolith and back, while
// clients enter through both, and counts the handoffs that failed. Both processes have the
// given fail points.
func passAround(t *testing.T, lines ...string) (o outcome, refused int) {
	t.Helper()
	b := newBoard(t, failpoints)
	first := b.start(t, "the first monolith", cast.Monolith)
	second := b.start(t, "the second monolith", cast.Monolith)
	lines = append(lines, "takeover.opened sleep 300ms")
	b.arm(t, first, lines...)
	b.arm(t, second, lines...)
	a := ask(t, load.Default(), newEntry(first, second))
	for n := range 4 {
		a.more(t, 300)
		to := []*cast.Process{second, first}[n%2]
		// A post that is to be written asks for its user, and waits while the users move.
		// Meanwhile its own store moves away from under it.
		before := b.handedOver(t, load.Users)
		moved := make(chan error, 1)
		go func() {
			_, err := b.operator().Handoff(t.Context(), load.Users, to.Instance())
			moved <- err
		}()
		waitFor(t, "the users move, or not", func() bool { return len(moved) > 0 || b.handedOver(t, load.Users) > before })
		_, err := b.operator().Handoff(soon(t), load.Posts, to.Instance())
		for _, err := range []error{err, <-moved} {
			switch cast.ExitCode(err) {
			case 0:
			case -1:
				t.Error(err)
			default:
				refused++
			}
		}
	}
	a.more(t, 300)
	return b.end(t, a), refused
}

// handedOver tells how often a store has been handed over, up to its being unlocked.
func (b *board) handedOver(t *testing.T, service string) (times int) {
	t.Helper()
	events, err := cast.Journal(b.data, service)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Event == "hands-over" {
			times++
		}
	}
	return times
}
