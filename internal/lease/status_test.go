package lease_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

func TestStatus(t *testing.T) {
	a, b := pair(t, setup{})
	c := start(t, a.dir, setup{NeverOwn: true})
	forwards(t, c, a.id)
	want := func(n *node, w lease.Status) {
		t.Helper()
		got := n.lease.Status()
		got.Held, got.Forwarded, got.LongestHold = 0, 0, 0
		if got != w {
			t.Errorf("%s says %+v, want %+v", n.id, got, w)
		}
	}
	want(a, lease.Status{State: lease.StateOwner, Owner: a.id, Epoch: 1})
	want(b, lease.Status{State: lease.StateCandidate, Owner: a.id})
	want(c, lease.Status{State: lease.StateForwarder, Owner: a.id, Refusal: "it was started with --no-own"})
	if err := a.lease.HandOff(t.Context(), b.id, false, func(step adminv1.HandoffStep, _ *store.Position) {
		if step == adminv1.HandoffStep_HANDOFF_STEP_TOLD {
			want(a, lease.Status{State: lease.StateMoving, Owner: b.id})
			want(b, lease.Status{State: lease.StateMoving, Owner: a.id})
		}
	}); err != nil {
		t.Fatal(err)
	}
	want(a, lease.Status{State: lease.StateCandidate, Owner: b.id})
	want(b, lease.Status{State: lease.StateOwner, Owner: b.id, Epoch: 2})
	a.lease.Retire()
	want(a, lease.Status{State: lease.StateForwarder, Owner: b.id, Refusal: "it is stopping"})
	c.want(t, "x") // which shows it who the owner is
	want(c, lease.Status{State: lease.StateForwarder, Owner: b.id, Refusal: "it was started with --no-own"})
	if err := b.die(); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Second, "nobody is known to own the store", func() bool { return c.lease.Status().Owner == "" })
	want(c, lease.Status{State: lease.StateForwarder, Refusal: "it was started with --no-own"})
}

// What was held and forwarded is counted, and how long it was held is remembered.
func TestCounts(t *testing.T) {
	a, b := pair(t, setup{})
	for range 3 {
		b.want(t, "x") // two calls each
	}
	if s := b.lease.Status(); s.Forwarded != 6 || s.Held != 0 || s.LongestHold != 0 {
		t.Errorf("before: %+v", s)
	}
	began := time.Now()
	done := make(chan error, 1)
	const pause = 20 * time.Millisecond
	if err := a.lease.HandOff(t.Context(), b.id, false, at(adminv1.HandoffStep_HANDOFF_STEP_TOLD, func() {
		go func() {
			done <- each(5, func(int) error { _, err := a.create(t.Context(), "held"); return err })
		}()
		holding(t, a, 5)
		<-time.After(pause)
	})); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	s := a.lease.Status()
	if s.Held != 5 || s.Forwarded != 5 || s.LongestHold < pause || s.LongestHold > took {
		t.Errorf("after %s: %+v", took, s)
	}
	holds := a.lease.Holds(began)
	if len(holds) != 5 || slices.Max(holds) != s.LongestHold || slices.Min(holds) < pause {
		t.Errorf("held for %v, at most %s", holds, s.LongestHold)
	}
	if got := a.lease.Holds(time.Now()); len(got) != 0 {
		t.Errorf("held from now on: %v", got)
	}
	if got := a.lease.Holds(time.Time{}); len(got) != 5 {
		t.Errorf("held ever: %v", got)
	}
}

// The journal is begun anew when it is long, and the one before it is kept.
func TestJournalIsRotated(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, lease.JournalFile)
	line := `{"time":"2026-01-02T03:04:05Z","event":"owns","instance":"old","binary":"test"}` + "\n"
	long := strings.Repeat(line, lease.JournalLimit/len(line)+1)
	if err := os.WriteFile(path, []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".1", []byte("older"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := start(t, dir, setup{Binary: "users"})
	lines := journaled(t, dir, 1)
	if len(lines) != 1 || lines[0].Event != "owns" || lines[0].Instance != a.id || lines[0].Binary != "users" || time.Since(lines[0].Time) > time.Minute {
		t.Errorf("the journal has %+v", lines)
	}
	if before, err := os.ReadFile(path + ".1"); err != nil || string(before) != long {
		t.Errorf("the one before has %d bytes, %v", len(before), err)
	}
}

// A journal that cannot be written ends nothing.
func TestJournalCannotBeWritten(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, lease.JournalFile)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	a, b := start(t, dir, setup{}), start(t, dir, setup{})
	if err := a.handOff(t.Context(), b); err != nil {
		t.Error(err)
	}
	b.want(t, "after")
	if !strings.Contains(a.log.String(), "the journal is not written") {
		t.Error("nothing is said")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
