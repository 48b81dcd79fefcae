package drills

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// An entry is the processes that clients enter through, in turn. It may change meanwhile.
type entry struct {
	processes atomic.Pointer[[]*cast.Process]
	turn      atomic.Uint64
}

func newEntry(processes ...*cast.Process) *entry {
	e := new(entry)
	e.set(processes...)
	return e
}

// set changes the entry for all requests that are not sent yet.
func (e *entry) set(processes ...*cast.Process) { e.processes.Store(&processes) }

func (e *entry) http(service string) string { return e.next(service).HTTP() }
func (e *entry) grpc(service string) string { return e.next(service).GRPC() }

// next gives one of those that answer for a service.
func (e *entry) next(service string) *cast.Process {
	all := *e.processes.Load()
	first := int(e.turn.Add(1) % uint64(len(all)))
	for i := range all {
		p := all[(first+i)%len(all)]
		if serves(p, service) {
			return p
		}
	}
	panic("no process answers for " + service)
}

// serves tells whether a process answers for a service.
func serves(p *cast.Process, service string) bool {
	program := filepath.Base(p.Program)
	return program == cast.Monolith || program == service
}

// An asking is a load that is under way.
type asking struct {
	pool *load.Pool
	end  context.CancelFunc
	done chan struct{}
	took time.Duration // when it has ended
	away time.Duration // the longest that this process was not run, same
}

// ask begins a load through an entry.
func ask(t *testing.T, c load.Config, through *entry) *asking {
	t.Helper()
	c.REST, c.GRPC = through.http, through.grpc
	ctx, end := context.WithCancel(t.Context())
	a := &asking{pool: load.New(c), end: end, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		var watching sync.WaitGroup
		watching.Go(func() { a.away = watchMachine(ctx) })
		a.pool.Run(ctx)
		a.took = time.Since(a.pool.Began())
		watching.Wait()
	}()
	t.Cleanup(func() {
		end()
		<-a.done
	})
	return a
}

// watchMachine gives the longest time that this process waited to be run, until ctx ends:
// so that a machine that is busy is not taken for a board that is slow.
func watchMachine(ctx context.Context) (away time.Duration) {
	const every = 5 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return away
		case <-tick.C:
		}
		now := time.Now()
		away = max(away, now.Sub(last)-every)
		last = now
	}
}

// more waits until so many more requests have ended.
func (a *asking) more(t *testing.T, requests int) {
	t.Helper()
	requests += a.pool.Figures().Requests
	waitFor(t, "clients are answered", func() bool { return a.pool.Figures().Requests >= requests })
}

// stop ends the load and gives all that was asked.
func (a *asking) stop(t *testing.T) []load.Record {
	t.Helper()
	a.end()
	<-a.done
	f := a.pool.Figures()
	t.Logf("%d requests, %.0f a second, %d of them writes, %d failed; median %s, 99 %% within %s, at most %s; the clients were not run for up to %s",
		f.Requests, a.rate(), f.Writes, f.Failed, brief(f.P50), brief(f.P99), brief(f.Max), brief(a.away))
	return a.pool.Records()
}

// rate tells how many requests were answered in a second, when the load has ended.
func (a *asking) rate() float64 { return float64(a.pool.Figures().Requests) / a.took.Seconds() }

// brief rounds a duration to what is worth reading.
func brief(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// failures describes the requests that failed.
func failures(records []load.Record) []string {
	var list []string
	for _, r := range records {
		if r.Failed() {
			over := "gRPC"
			if r.REST {
				over = "REST"
			}
			list = append(list, fmt.Sprintf("at %s for %s: %s over %s through %s: %s", brief(r.Start), brief(r.End-r.Start), r.Kind, over, r.Via, r.Err))
		}
	}
	return list
}
