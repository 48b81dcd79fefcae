package rolling

import (
	"flag"
	"strings"
	"testing"
)

var rolls = flag.Int("rolls", 4, "how often TestRolls deploys another version")

// TestRolls deploys the second version, goes back to the first, and so on, under load.
func TestRolls(t *testing.T) {
	t.Parallel()
	data := shared(t)
	owner := first.start(t, data, "--drain", "2s")
	var l load
	staying := []*process{first.start(t, data, "--no-own"), second.start(t, data, "--no-own")}
	for _, p := range staying {
		l.enter(p)
	}
	early := l.enter(owner) // leave a process before it is told to end
	late := l.enter(owner)  // leave it when it says that it ends
	l.more(t)
	is := first.status(t, data)
	before := is.standing()
	if want := (standing{owner.instance, 1, 1, 1}); before != want {
		t.Fatalf("at first it is %+v, want %+v", before, want)
	}

	var gone []*process
	for n := range *rolls {
		next := []version{second, first}[n%2].start(t, data, "--drain", "2s")
		early.move(t, next)
		l.more(t)
		health := dial(t, "REST", owner).(*restClient)
		owner.terminate(t)
		waitFor(t, "the end's announcement", func() bool { return !health.healthy(t) })
		late.move(t, next)
		l.more(t)
		is = next.version.status(t, data)
		if want := (standing{next.instance, before.epoch + 1, 2, 1}); is.standing() != want {
			t.Fatalf("roll %d: it is %+v, want %+v", n+1, is.standing(), want)
		}
		if l.failed() {
			t.Fatalf("roll %d: %q", n+1, l.failures)
		}
		gone = append(gone, owner)
		owner, before = next, is.standing()
	}
	l.end()
	if len(l.failures) > 0 {
		t.Errorf("%q", l.failures)
	}
	for _, p := range gone {
		p.wantEnd(t)
	}
	for _, p := range append(gone, owner, staying[0], staying[1]) {
		if list := p.log.complaints(); len(list) > 0 {
			t.Errorf("a process of the %s version logs %+v", p.version, list)
		}
	}

	stored, err := dial(t, "gRPC", staying[0]).(*grpcClient).all(t.Context())
	if f := audit(l.acknowledged, stored); err != nil || !f.ok() {
		t.Errorf("%v, %v", f, err)
	}
	owner.stop(t)
	for _, v := range []version{first, second} {
		if code, out, errs := v.run(t, "check", "--data", data); code != 0 || out != "users: ok\n" {
			t.Errorf("the %s version's check: exit %d\n%s%s", v, code, out, errs)
		}
	}
	t.Logf("%d deployments, %d users, %d calls", *rolls, len(stored), l.calls.Load())
}

// TestEndWithoutASuccessor is a control: an owner that ends while nobody else may own the
// store makes clients fail, and the load must see it.
func TestEndWithoutASuccessor(t *testing.T) {
	t.Parallel()
	data := shared(t)
	owner := first.start(t, data, "--drain", "0s")
	var l load
	l.enter(second.start(t, data, "--no-own"))
	l.more(t)
	owner.stop(t)
	l.more(t)
	l.end()
	if !l.failed() || !strings.Contains(l.failures[0], "NOT_OWNER") && !strings.Contains(l.failures[0], "no process owns the store") {
		t.Errorf("the clients met %q, want that nobody owns the store", l.failures)
	}
}
