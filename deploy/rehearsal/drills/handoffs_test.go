package drills

import (
	"flag"
	"testing"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

var handoffs = flag.Int("handoffs", 6, "how often TestHandoffs moves a store")

// TestHandoffs hands stores to and fro between the monolith and the services, while
// clients enter through all of them.
func TestHandoffs(t *testing.T) {
	b := newBoard(t, plain)
	monolith := b.start(t, "the monolith", cast.Monolith)
	own := b.startServices(t, monolith)
	c := load.Default()
	c.Rate = 1200
	a := ask(t, c, newEntry(monolith, own[load.Users], monolith, own[load.Threads], monolith, own[load.Posts]))
	for n := range *handoffs {
		a.more(t, 200)
		to := []string{"service", "monolith"}[n/len(services)%2]
		m := b.handoff(t, services[n%len(services)], to)
		t.Logf("%+v", m)
	}
	a.more(t, 200)
	records, found := b.end(t, a)
	wantServed(t, records, found)
	if n := b.arrived.count(); n != len(records) {
		t.Errorf("%d requests have entered, and clients sent %d", n, len(records))
	}
}
