package lease_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/splitboard/splitboard/internal/lease"
)

// A process that forwards nothing is told by nobody that the store has moved, as long as
// the former owner lives.
func TestIdleProcessFollows(t *testing.T) {
	dir := folder(t)
	a := start(t, dir, setup{})
	b := start(t, dir, setup{})
	idle := start(t, dir, setup{})
	forwards(t, idle, a.id)
	if err := a.handOff(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "it follows", func() bool {
		_, owner := idle.lease.Owner()
		return owner == b.id
	})
	idle.want(t, "after")
}

// What a candidate failed at beside an owner it tries at once when that one is lost,
// however long it would have waited.
func TestBackoffEndsWithTheOwner(t *testing.T) {
	a, b := pair(t, setup{})
	lock := filepath.Join(a.dir, lease.LockFile)
	if err := errors.Join(os.Rename(lock, lock+".held"), os.Mkdir(lock, 0o700)); err != nil {
		t.Fatal(err)
	}
	const long = 3 * time.Second
	eventually(t, 10*time.Second, "it waits long", func() bool {
		b.lease.Try()
		return b.lease.Backoff() >= long
	})
	if err := errors.Join(os.Remove(lock), os.Rename(lock+".held", lock)); err != nil {
		t.Fatal(err)
	}
	if err := a.die(); err != nil {
		t.Fatal(err)
	}
	ownerOf(t, long/3, b)
}
