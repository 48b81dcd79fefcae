package drills

import (
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
	t.Parallel()
	monoliths := func(t *testing.T, b *board, _ *cast.Process) {
		b.start(t, "the first monolith", cast.Monolith)
		b.start(t, "the second monolith", cast.Monolith)
	}
	for _, c := range []struct {
		name string
		keys bool
		// start starts the processes that may own the stores.
		start func(t *testing.T, b *board, forwarder *cast.Process)
	}{
		{"monoliths", true, monoliths},
		{"monoliths, and clients without keys", false, monoliths},
		{"a monolith and services, and clients without keys", false, func(t *testing.T, b *board, forwarder *cast.Process) {
			b.start(t, "the monolith", cast.Monolith)
			b.startServices(t, forwarder)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBoard(t, plain)
			forwarder := b.start(t, "the forwarder", cast.Monolith, "--no-own")
			c.start(t, b, forwarder)
			b.killOwners(t, (*kills+2)/3, c.keys, forwarder) // a third of them, rounded up
		})
	}
}

// A death is an owner's.
type death struct {
	service string
	at      time.Duration
}

func (b *board) killOwners(t *testing.T, times int, keys bool, entered *cast.Process) {
	t.Helper()
	c := load.Default()
	c.Keys = keys
	a := ask(t, c, newEntry(entered))
	var deaths []death
	for n := range times {
		a.more(t, 200)
		service := services[len(services)-1-n%len(services)]
		owner := b.mustOwn(t, service)
		a.more(t, rand.IntN(200))
		deaths = append(deaths, death{service, time.Since(a.pool.Began())})
		kill(t, owner)
		b.waitServed(t)
		restart(t, owner)
	}
	a.more(t, 200)
	held := b.holds(t)
	o := b.end(t, a)
	o.wantServed(t)
	b.wantEntered(t, &o)
	var pauses, latencies spread
	for i, d := range deaths {
		next := a.took
		if i+1 < len(deaths) {
			next = deaths[i+1].at
		}
		p, latency := pause(o.records, d, next)
		t.Logf("the owner of %s was killed at %s: nobody was answered for %s, and the longest answer took %s",
			d.service, brief(d.at), brief(p), brief(latency))
		pauses, latencies = append(pauses, p), append(latencies, latency)
	}
	slices.Sort(pauses)
	slices.Sort(latencies)
	t.Logf("%d kills: nobody was answered for %s; the longest answers took %s; requests were held for %s", times, pauses, latencies, held)
	if latencies[len(latencies)-1] > maxHold {
		t.Errorf("an answer took over %s", maxHold)
	}
}

// kill ends a process without a word to it.
func kill(t *testing.T, p *cast.Process) {
	t.Helper()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

// pause gives what clients saw of an owner's death until a later time: the longest time in
// which no request to the service was answered, and the longest that one of them took.
func pause(records []load.Record, d death, until time.Duration) (unanswered, latency time.Duration) {
	var ends []time.Duration
	before := time.Duration(0) // when the last one was answered before
	for _, r := range records {
		switch {
		case r.Kind.Service() != d.service || r.Failed() || r.Start > until:
		case r.End < d.at:
			before = max(before, r.End)
		default:
			ends = append(ends, r.End)
			latency = max(latency, r.End-r.Start)
		}
	}
	slices.Sort(ends)
	for _, end := range ends {
		unanswered = max(unanswered, end-before)
		before = end
	}
	return unanswered, latency
}
