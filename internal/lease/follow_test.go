package lease_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/splitboard/splitboard/internal/apierr/apierrtest"
	"github.com/splitboard/splitboard/internal/lease"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
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

// An owner that has answered others is just slow with a call whose time runs out. If that
// is long ago, it may have been stopped since.
func TestOwnerThatAnswersNoMore(t *testing.T) {
	for name, stays := range map[string]bool{"it still answers": true, "it answers no more": false} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t, setup{})
			var calls atomic.Int64
			arrived, release := make(chan struct{}), make(chan struct{})
			defer close(release)
			on(&a.users.before, func(context.Context) error {
				if calls.Add(1) == 1 {
					close(arrived)
					<-release
				}
				return nil
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			slow := make(chan error, 1)
			go func() { _, err := b.create(ctx, "slow"); slow <- err }()
			<-arrived
			b.want(t, "quick")
			for {
				select {
				case err := <-slow:
					if stays {
						apierrtest.Want(t, err, errorsv1.Reason_REASON_DEADLINE_EXCEEDED)
					} else {
						wantNoOwner(t, err)
					}
					return
				case <-time.After(50 * time.Millisecond):
					if stays {
						b.want(t, "quick")
					}
				}
			}
		})
	}
}
