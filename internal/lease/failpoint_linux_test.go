//go:build failpoints

package lease_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

// armed puts lines in force until the test ends. All nodes are in one process, so that they
// hold for each of them.
func armed(t *testing.T, lines ...string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "points")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SPLITBOARD_FAILPOINTS", path)
}

// A handoff that finds no room for its record is broken off, and the store goes on.
func TestHandoffOnFullDisk(t *testing.T) {
	a, b := pair(t, setup{})
	a.want(t, "before")
	var r recorder
	armed(t, "store.commit enospc once")
	err := a.lease.HandOff(t.Context(), b.id, false, r.report)
	wantAborted(t, err)
	if len(r.steps) != 3 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("after the steps %v: %v", r.steps, err)
	}
	stillOwns(t, a, b, 1)
	if err := a.handOff(t.Context(), b); err != nil || !b.owns() {
		t.Errorf("the next handoff: %v", err)
	}
}

// After a sync that failed nobody knows what is on the disk: the process ends.
func TestHandoffOnBrokenDisk(t *testing.T) {
	a, b := pair(t, setup{})
	armed(t, "store.commit eio once")
	err := a.handOff(t.Context(), b)
	wantAborted(t, err)
	if b.owns() {
		t.Error("the target owns the store")
	}
	select {
	case err := <-a.fatal:
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("it had to end because of %v", err)
		}
	default:
		t.Error("it goes on")
	}
	if err := a.die(); err != nil {
		t.Error(err)
	}
	eventually(t, time.Second, "the other owns the store", b.owns)
	b.want(t, "after")
}

// A target that takes longer than the owner waits owns the store all the same, and what
// came meanwhile is held until then.
func TestTargetIsSlow(t *testing.T) {
	a, b := pair(t, setup{})
	c := start(t, a.dir, setup{})
	forwards(t, c, a.id)
	armed(t, "takeover.opened sleep 700ms once")
	held := make(chan error, 1)
	err := a.lease.HandOff(t.Context(), b.id, false, at(adminv1.HandoffStep_HANDOFF_STEP_UNLOCKED, func() {
		go func() {
			held <- each(30, func(i int) error { _, err := []*node{a, b, c}[i%3].create(t.Context(), "held"); return err })
		}()
	}))
	wantAborted(t, err)
	eventually(t, 3*time.Second, "the target owns the store", b.owns)
	if err := <-held; err != nil {
		t.Error(err)
	}
	if got := b.names(t)["held"]; got != 30 || a.owns() || c.owns() {
		t.Errorf("%d of 30 are there", got)
	}
	published(t, b, 2)
}

// The control of TestAnswerLost: without keys, what is sent again is done again.
func TestAnswerLostWithoutKeys(t *testing.T) {
	a, b := pair(t, setup{})
	armed(t, "keys off")
	on(&a.users.after, killed(t, a))
	if _, err := b.create(t.Context(), "once"); err != nil {
		t.Fatal(err)
	}
	if got := b.names(t)["once"]; got != 2 {
		t.Errorf("the write is there %d times, so nothing is shown by its being there once", got)
	}
}
