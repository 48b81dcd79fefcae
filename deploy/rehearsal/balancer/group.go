package balancer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A group is a target group of the stand-in.
type group struct {
	TargetGroup

	idle    time.Duration
	onEvent func(HealthEvent)
	ctx     context.Context
	running *sync.WaitGroup

	ready atomic.Pointer[[]*target] // those that get requests
	next  atomic.Uint64

	mu      sync.Mutex
	targets []*target
	stop    map[*target]context.CancelFunc // ends the health checks
}

// take chooses the next target in turn and reserves it; nil if there is none.
func (g *group) take() *target {
	for {
		ready := *g.ready.Load()
		if len(ready) == 0 {
			return nil
		}
		if t := ready[g.next.Add(1)%uint64(len(ready))]; t.take() {
			return t
		}
		// It began to drain after the list was read. It is taken from the list before
		// anything else happens, so this does not go on.
		g.refresh()
	}
}

// refresh lists the targets that get requests: the healthy ones, or if there is none,
// the unhealthy ones, because a health check that is wrong about all of them must not
// stop everything. The ALB calls that failing open.
func (g *group) refresh() {
	g.mu.Lock()
	defer g.mu.Unlock()
	var healthy, unhealthy []*target
	for _, t := range g.targets {
		switch t.now() {
		case Healthy:
			healthy = append(healthy, t)
		case Unhealthy:
			unhealthy = append(unhealthy, t)
		case Initial, Draining:
		}
	}
	if len(healthy) == 0 {
		healthy = unhealthy
	}
	g.ready.Store(&healthy)
}

func (g *group) register(addr string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.index(addr) >= 0 {
		return fmt.Errorf("%s is in target group %s already", addr, g.Name)
	}
	t := newTarget(addr, g.idle)
	ctx, stop := context.WithCancel(g.ctx)
	g.targets = append(g.targets, t)
	g.stop[t] = stop
	g.event(t, "", Initial)
	g.running.Go(func() {
		g.Health.watch(ctx, addr, func(state State) {
			if before, ok := t.set(state); ok {
				g.refresh()
				g.event(t, before, state)
			}
		})
	})
	return nil
}

func (g *group) deregister(addr string) error {
	g.mu.Lock()
	i := g.index(addr)
	if i < 0 {
		g.mu.Unlock()
		return fmt.Errorf("%s is not in target group %s", addr, g.Name)
	}
	t := g.targets[i]
	before := t.drain()
	g.stop[t]()
	delete(g.stop, t)
	g.mu.Unlock()

	g.refresh()
	g.event(t, before, Draining)
	g.running.Go(func() {
		delay := time.NewTimer(g.DeregistrationDelay)
		defer delay.Stop()
		select {
		case <-t.free:
		case <-delay.C:
			t.cut()
		case <-g.ctx.Done():
			t.cut()
		}
		g.mu.Lock()
		g.targets = slices.DeleteFunc(g.targets, func(other *target) bool { return other == t })
		g.mu.Unlock()
		g.event(t, Draining, "")
	})
	return nil
}

// index finds a target that does not drain.
func (g *group) index(addr string) int {
	return slices.IndexFunc(g.targets, func(t *target) bool { return t.addr == addr && t.now() != Draining })
}

func (g *group) health() []TargetHealth {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]TargetHealth, 0, len(g.targets))
	for _, t := range g.targets {
		all = append(all, TargetHealth{t.addr, t.now()})
	}
	return all
}

// cut closes every connection.
func (g *group) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.targets {
		if t.now() != Draining {
			t.drain()
		}
		t.cut()
	}
}

func (g *group) event(t *target, from, to State) {
	g.onEvent(HealthEvent{time.Now(), g.Name, t.addr, from, to})
}
