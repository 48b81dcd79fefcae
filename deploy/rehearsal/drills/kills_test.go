package drills

import (
	"cmp"
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

var kills = flag.Int("kills", 4, "how often TestKillOwner kills an owner")

// TestKillOwner kills whichever process owns a store, again and again, while clients
// enter through one that only forwards.
func TestKillOwner(t *testing.T) {
	for name, keys := range map[string]bool{"clients with keys": true, "clients without": false} {
		t.Run(name, func(t *testing.T) { killOwners(t, (*kills+1)/2, keys) })
	}
}

func killOwners(t *testing.T, times int, keys bool) {
	b := newBoard(t, plain)
	b.start(t, "the first monolith", cast.Monolith)
	b.start(t, "the second monolith", cast.Monolith)
	forwarder := b.start(t, "the forwarder", cast.Monolith, "--no-own")
	c := load.Default()
	c.Keys = keys
	a := ask(t, c, newEntry(forwarder))
	type death struct {
		service string
		at      time.Duration
	}
	var deaths []death
	for n := range times {
		a.more(t, 200)
		service := services[n%len(services)]
		owner := b.owner(t, service)
		if owner == nil {
			t.Fatalf("nobody owns the store of %s", service)
		}
		a.more(t, rand.IntN(200))
		deaths = append(deaths, death{service, time.Since(a.pool.Began())})
		kill(t, owner)
		waitFor(t, "another process owns all stores", func() bool { return b.served(t) })
		restart(t, owner)
	}
	a.more(t, 500)
	held := b.holds(t)
	records, found := b.end(t, a)
	wantServed(t, records, found)
	if n := b.arrived.count(); n != len(records) {
		t.Errorf("%d requests have entered, and clients sent %d", n, len(records))
	}
	var longest time.Duration
	for _, d := range deaths {
		p, latency := pause(records, d.service, d.at)
		t.Logf("the owner of %s was killed at %s: nobody was answered for %s, and the longest answer took %s",
			d.service, brief(d.at), brief(p), brief(latency))
		longest = max(longest, latency)
	}
	t.Logf("%d kills, the longest answer around one took %s; %s", times, brief(longest), held)
	if longest > time.Second {
		t.Error("that is over a second")
	}
}

// kill ends a process without a word to it.
func kill(t *testing.T, p *cast.Process) {
	t.Helper()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

// served tells whether all stores are.
func (b *board) served(t *testing.T) bool {
	t.Helper()
	return !slices.ContainsFunc(services, func(s string) bool { return b.owner(t, s) == nil })
}

// around is how long after an owner's end its consequences are looked for.
const around = 2500 * time.Millisecond

// pause gives what clients saw of an owner's end: the longest time in which no request to
// the service was answered, and the longest that one took which was under way then or was
// sent soon after.
func pause(records []load.Record, service string, at time.Duration) (unanswered, latency time.Duration) {
	var ends []time.Duration
	for _, r := range records {
		if r.Kind.Service() != service || r.End < at-around || r.Start > at+around {
			continue
		}
		if !r.Failed() {
			ends = append(ends, r.End)
		}
		if r.End >= at {
			latency = max(latency, r.End-r.Start)
		}
	}
	slices.SortFunc(ends, cmp.Compare)
	for i := 1; i < len(ends); i++ {
		if ends[i] >= at {
			unanswered = max(unanswered, ends[i]-ends[i-1])
		}
	}
	return unanswered, latency
}
