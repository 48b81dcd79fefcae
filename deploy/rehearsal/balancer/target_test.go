package balancer

import "testing"

// TestDrainingTargetIsNotTaken takes with a list of targets that is out of date, as
// somebody may who read it just before a target began to drain.
func TestDrainingTargetIsNotTaken(t *testing.T) {
	old, other := newTarget("old", 0), newTarget("other", 0)
	g := &group{targets: []*target{old, other}}
	for _, target := range g.targets {
		target.set(Healthy)
	}
	g.refresh()
	outdated := g.ready.Load()
	if !old.take() {
		t.Fatal("a healthy target is not taken")
	}
	old.drain()
	for range 4 {
		g.ready.Store(outdated)
		if got := g.take(); got != other {
			t.Errorf("took %+v", got)
		}
	}
	select {
	case <-old.free:
		t.Error("free with a request in progress")
	default:
	}
	old.done(nil, false)
	<-old.free
	other.drain()
	if got := g.take(); got != nil {
		t.Errorf("took %+v, with all of them draining", got)
	}
	if _, ok := old.set(Healthy); ok {
		t.Error("a health check changed a target that drains")
	}
}
