package drills

import (
	"testing"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// drain is how long a process goes on answering that is replaced: longer than a client
// takes from choosing an address to being answered.
const drain = "500ms"

// TestRolling replaces one process after another by a new one of its kind, as a
// deployment does: the new one is started beside the old one, clients turn to it, and the
// old one gets SIGTERM.
func TestRolling(t *testing.T) {
	t.Parallel()
	t.Run("the monolith", func(t *testing.T) {
		t.Parallel()
		b := newBoard(t, plain)
		monolith := b.start(t, "monolith 0", cast.Monolith, "--drain", drain)
		through := newEntry(monolith)
		a := ask(t, load.Default(), through)
		for _, name := range []string{"monolith 1", "monolith 2"} {
			next := b.start(t, name, cast.Monolith, "--drain", drain)
			through.set(monolith, next)
			b.replace(t, a, monolith, next, func() { through.set(next) })
			monolith = next
		}
		o := b.end(t, a)
		o.wantServed(t)
		b.wantEntered(t, &o)
	})
	t.Run("the services", func(t *testing.T) {
		t.Parallel()
		b := newBoard(t, plain)
		forwarder := b.start(t, "the forwarder", cast.Monolith, "--no-own")
		own := map[string]*cast.Process{}
		for _, name := range services {
			own[name] = b.start(t, name, name, append(peers(name, own, forwarder), "--drain", drain)...)
		}
		through := newEntry()
		enter := func() {
			through.set(forwarder, own[load.Users], forwarder, own[load.Threads], forwarder, own[load.Posts])
		}
		enter()
		a := ask(t, load.Default(), through)
		for _, name := range services {
			a.more(t, 100)
			old := own[name]
			own[name] = b.start(t, "the new "+name, name, append(peers(name, own, forwarder), "--drain", drain)...)
			b.replace(t, a, old, own[name], enter)
		}
		o := b.end(t, a)
		o.wantServed(t)
		b.wantEntered(t, &o)
	})
}

// replace ends a process beside which another one of its kind runs. turn turns clients
// from the one to the other.
func (b *board) replace(t *testing.T, a *asking, old, next *cast.Process, turn func()) {
	t.Helper()
	a.more(t, 100)
	turn()
	terminate(t, old)
	for _, service := range services {
		if serves(next, service) && b.mustOwn(t, service) != next {
			t.Errorf("%s does not own the %s", next.Name, service)
		}
	}
	a.more(t, 100)
}
