package lease_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The store goes back and forth a hundred times between two processes under readers and
// writers at these two and a third, and nobody notices.
func TestHandoffsUnderLoad(t *testing.T) {
	handoffs, clients := 100, 16
	if testing.Short() {
		handoffs = 10
	}
	dir := folder(t)
	a := start(t, dir, setup{})
	b := start(t, dir, setup{})
	c := start(t, dir, setup{NeverOwn: true})
	nodes := []*node{a, b, c}

	var stop atomic.Bool
	defer stop.Store(true)
	var load sync.WaitGroup
	var written, read atomic.Int64
	acknowledged := make([][]int64, clients)
	for w := range clients {
		load.Go(func() {
			n := nodes[w%len(nodes)]
			for i := 0; !stop.Load(); i++ {
				name := fmt.Sprintf("writer-%d-%d", w, i)
				u, err := n.create(t.Context(), name)
				if err != nil || u.GetUsername() != name {
					t.Errorf("writing %s: %v, %v", name, u, err)
					return
				}
				acknowledged[w] = append(acknowledged[w], u.GetId())
				written.Add(1)
			}
		})
	}
	seed, err := a.create(t.Context(), "seed")
	if err != nil {
		t.Fatal(err)
	}
	for r := range clients {
		load.Go(func() {
			n := nodes[r%len(nodes)]
			for !stop.Load() {
				u, err := n.get(t.Context(), seed.GetId())
				if err != nil || u.GetUsername() != "seed" {
					t.Errorf("reading: %v, %v", u, err)
					return
				}
				read.Add(1)
				<-time.After(time.Millisecond)
			}
		})
	}
	for i := range handoffs {
		from, to := nodes[i%2], nodes[1-i%2]
		before := written.Load()
		if err := from.handOff(t.Context(), to); err != nil {
			t.Errorf("handoff %d: %v", i, err)
			break
		}
		// Each of them moves a store that is in use.
		eventually(t, 3*time.Second, "the load goes on", func() bool { return written.Load() > before+int64(clients) || t.Failed() })
	}
	stop.Store(true)
	load.Wait()

	names := c.names(t)
	total := 1
	for w, ids := range acknowledged {
		total += len(ids)
		for i := range ids {
			if got := names["writer-"+strconv.Itoa(w)+"-"+strconv.Itoa(i)]; got != 1 {
				t.Errorf("write %d of writer %d is there %d times", i, w, got)
			}
		}
	}
	if all := sum(names); all != total {
		t.Errorf("%d users are there, and %d were acknowledged", all, total)
	}
	events := make(map[string]int)
	for _, e := range journaled(t, dir, 2*handoffs+1) {
		events[e.Event]++
	}
	if events["owns"] != handoffs+1 || events["hands-over"] != handoffs || events["aborts"] != 0 {
		t.Errorf("the journal has %v after %d handoffs", events, handoffs)
	}
	for _, n := range nodes {
		s := n.lease.Status()
		t.Logf("%s held %d, forwarded %d, held one for %s", n.id, s.Held, s.Forwarded, s.LongestHold)
	}
	t.Logf("%d writes and %d reads during %d handoffs", written.Load(), read.Load(), handoffs)
}

func sum(counts map[string]int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}
