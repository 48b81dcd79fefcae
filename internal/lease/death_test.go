package lease_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitboard/splitboard/internal/admin"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

// The target of a handoff is killed when a step is done. Somebody owns the store after
// that, and no write is lost, doubled or refused.
func TestTargetDies(t *testing.T) {
	for _, step := range allSteps[:len(allSteps)-1] {
		t.Run(step.String(), func(t *testing.T) {
			dir := folder(t)
			a := start(t, dir, setup{})
			a.want(t, "before")
			b := startChild(t, dir, setup{})
			held := make(chan error, 1)
			var died time.Time
			err := a.lease.HandOff(t.Context(), b.id, false, at(step, func() {
				go func() {
					held <- each(10, func(int) error { _, err := a.create(t.Context(), "held"); return err })
				}()
				b.kill(t)
				died = time.Now()
			}))
			if err != nil {
				wantAborted(t, err)
			} else if step != adminv1.HandoffStep_HANDOFF_STEP_UNLOCKED {
				t.Error("it is said to have gone through")
			}
			eventually(t, 3*time.Second, "it owns the store again", a.owns)
			t.Logf("it owns the store again after %s: %v", time.Since(died), err)
			if err := <-held; err != nil {
				t.Error(err)
			}
			if got := a.names(t); got["before"] != 1 || got["held"] != 10 {
				t.Errorf("the store has %v", got)
			}
			start(t, dir, setup{}).want(t, "after")
		})
	}
}

// The target of a handoff is stopped when it is about to get the lock. The store does not
// wait for it; and when it goes on, it finds that it has come too late.
func TestTargetIsStopped(t *testing.T) {
	dir := folder(t)
	a := start(t, dir, setup{})
	c := start(t, dir, setup{})
	forwards(t, c, a.id)
	b := startChild(t, dir, setup{})
	held := make(chan error, 1)
	err := a.lease.HandOff(t.Context(), b.id, false, at(adminv1.HandoffStep_HANDOFF_STEP_TOLD, func() {
		b.stop(t)
		go func() {
			held <- each(10, func(i int) error { _, err := []*node{a, c}[i%2].create(t.Context(), "held"); return err })
		}()
	}))
	wantAborted(t, err)
	owner := ownerOf(t, 3*time.Second, a, c)
	if err := <-held; err != nil {
		t.Error(err)
	}
	b.signal(t, unix.SIGCONT)
	never(t, 300*time.Millisecond, "the owner lost the store", func() bool { return !owner.owns() })
	// It is as good a target as before.
	if err := owner.lease.HandOff(t.Context(), b.id, false, at(0, nop)); err != nil {
		t.Errorf("the next handoff: %v", err)
	}
	for _, n := range []*node{a, c} {
		n.want(t, "after")
	}
	if got := a.names(t)["held"]; got != 10 {
		t.Errorf("%d of 10 are there", got)
	}
}

// The owner is killed when it has told of a step of its handoff, or a little later. The
// target owns the store in any case, and what came meanwhile is done once.
func TestOwnerDiesInHandoff(t *testing.T) {
	for _, step := range allSteps {
		t.Run(step.String(), func(t *testing.T) {
			dir := folder(t)
			a := startChild(t, dir, setup{})
			b := start(t, dir, setup{})
			c := start(t, dir, setup{NeverOwn: true})
			for _, n := range []*node{b, c} {
				forwards(t, n, a.id)
			}
			c.want(t, "before")
			operator, err := admin.DialOwner(t.Context(), dir, "users")
			if err != nil {
				t.Fatal(err)
			}
			defer operator.Close()
			held := make(chan error, 1)
			var died time.Time
			err = operator.HandOff(t.Context(), "users", b.id, false, func(r *adminv1.HandoffResponse) {
				if r.GetStep() != step {
					return
				}
				go func() {
					held <- each(10, func(i int) error { _, err := []*node{b, c}[i%2].create(t.Context(), "held"); return err })
				}()
				a.kill(t)
				died = time.Now()
			})
			if died.IsZero() {
				t.Fatalf("the step was never told: %v", err)
			}
			eventually(t, 3*time.Second, "the target owns the store", b.owns)
			t.Logf("the target owns the store after %s", time.Since(died))
			if err := <-held; err != nil {
				t.Error(err)
			}
			if got := b.names(t); got["before"] != 1 || got["held"] != 10 {
				t.Errorf("the store has %v", got)
			}
		})
	}
}
