package lease

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/splitboard/splitboard/internal/failpoint"
	"github.com/splitboard/splitboard/internal/store"
)

// How often a candidate tries the lock.
const (
	// idleTry is while the owner's connection stands. It is there for what no
	// connection tells of.
	idleTry = time.Second
	// searchTry is while no owner is known.
	searchTry = 50 * time.Millisecond
	// lostTry, with as much jitter, is for lostFor after the owner was lost: the kernel
	// frees a dead process's lock within milliseconds of its socket.
	lostTry = time.Millisecond
	lostFor = 250 * time.Millisecond
	// sweepEvery is how often an owner removes the sockets of processes that were killed.
	sweepEvery = time.Minute
)

// After an acquisition that failed, the next one waits, longer each time.
const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// Lock takes the store's lock at the process's start, if it is free, and tells whether
// the process has it. It returns ErrNetworkFS or what the file system said.
func (l *Lease) Lock() (bool, error) {
	if l.NeverOwn {
		return false, nil
	}
	lock, err := tryLock(l.Dir, l.AllowNetworkFS)
	if errors.Is(err, ErrHeld) {
		return false, nil
	}
	l.lock = lock
	return err == nil, err
}

// Open opens the store at the process's start, after Lock has returned true. It returns
// what [store.Store.Open] does.
func (l *Lease) Open() error {
	l.moving <- struct{}{}
	defer l.end()
	return l.take(l.lock, l.Store.Open)
}

// Unlock undoes Lock if Open has not been called.
func (l *Lease) Unlock() error {
	l.moving <- struct{}{}
	defer l.end()
	if l.lock == nil {
		return nil
	}
	err := l.lock.unlock()
	l.lock = nil
	return err
}

// take makes the holder of the lock the store's owner, and announces it. It is own for a
// store of which nobody has told.
func (l *Lease) take(lock *Lock, open func() error) error {
	if _, err := l.own(lock, nil, open); err != nil {
		return err
	}
	l.announce()
	return nil
}

// own makes the holder of the lock the store's owner, and gives where the store stands.
// The caller has the right to move, and announces it. If told is not nil, the store must be
// as it says. On any error the lock is free again. open opens the store: one that was there
// before is never made anew.
func (l *Lease) own(lock *Lock, told *store.Position, open func() error) (p store.Position, err error) {
	failpoint.Hit(failpoint.TakeoverLocked)
	l.lock = lock
	defer func() {
		if err != nil {
			err = errors.Join(err, l.lock.unlock())
			l.lock = nil
			l.refuse(err)
		}
	}()
	if err := l.within(openTimeout, "opening the store", open); err != nil {
		return p, err
	}
	failpoint.Hit(failpoint.TakeoverOpened)
	if p, err = l.compare(told); err != nil {
		l.note(event{Event: eventReleases, Why: err.Error()})
		return p, errors.Join(err, l.Store.Close())
	}
	failpoint.Hit(failpoint.TakeoverCompared)
	l.met.Store(true)
	l.Store.OpenGate()
	l.show(&view{role: owning})
	failpoint.Hit(failpoint.TakeoverGateOpened)
	return p, nil
}

// openTimeout is how long a store may take to open, which is milliseconds whatever its
// size: as long as the store's own watchdog gives a commit, and room for a new one.
const openTimeout = 3 * time.Second

// within does something that waits for the disk. A process whose disk hangs must not keep
// the lock: it ends.
func (l *Lease) within(limit time.Duration, what string, do func() error) error {
	err := inTime(limit, do)
	if errors.Is(err, errLate) {
		err = fmt.Errorf("%s: %w (%s)", what, err, limit)
		l.Fatal(err)
	}
	return err
}

// errLate says that something has not ended in its time.
var errLate = errors.New("it takes too long")

// inTime does something and returns what that returns, or errLate while it goes on.
func inTime(limit time.Duration, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errLate
	}
}

// compare checks the store that was just opened against what its last owner told, if
// anything.
func (l *Lease) compare(told *store.Position) (now store.Position, err error) {
	now, err = l.Store.Position()
	if err != nil {
		return now, err
	}
	l.epoch.Store(now.Epoch)
	if told == nil {
		return now, nil
	}
	if !follows(now, *told) {
		why := "it found another store than its owner had left, and stays out of it until it is started again"
		l.barred.Store(&why)
		return now, ErrMismatch.Because(fmt.Errorf("it is at %+v, and its owner left it at %+v", now, *told))
	}
	return now, nil
}

// follows tells whether a store that was just opened can be what its owner told. Mostly it
// is just that, in the next epoch. But the owner may have broken the handoff off, served on
// and died, and another candidate may have served the store before this process got the
// lock. What cannot be is an older store, or another one at the same place.
func follows(now, told store.Position) bool {
	if now.UUID != told.UUID || now.Epoch <= told.Epoch {
		return false
	}
	return now.Sequence > told.Sequence ||
		now.Sequence == told.Sequence && (now.Checksum == told.Checksum || now.Epoch > told.Epoch+1)
}

// announce tells the world who owns the store. It is no more than a hint, so that
// failing, as on a full disk, ends nothing.
func (l *Lease) announce() {
	l.refusal.Store(nil)
	l.backoff = 0
	owner := l.Self
	owner.Since, owner.Epoch = time.Now().UTC(), l.epoch.Load()
	if err := owner.publish(l.Dir); err != nil {
		l.Log.Warn("the owner's file is not written", "error", err)
	}
	l.note(event{Event: eventOwns})
	l.Log.Info("owns the store", "epoch", owner.Epoch, "sequence", l.Store.Sequence())
	failpoint.Hit(failpoint.TakeoverPublished)
	// The files of a dead owner; the sockets of all dead processes, which may take a
	// while to ask.
	sweepFiles(l.Dir)
	go sweepSockets(l.Dir)
}

// refuse notes why an acquisition failed, and that the next one shall wait.
func (l *Lease) refuse(err error) {
	why := err.Error()
	if before := l.refusal.Swap(&why); before == nil || *before != why {
		l.Log.Error("cannot own the store, and only forwards for now", "error", err)
	}
	l.backoff = min(max(2*l.backoff, minBackoff), maxBackoff)
	l.retryAt = time.Now().Add(l.backoff)
	l.beside = l.view.Load().role == forwarding
}

// candidateLoop tries to become the owner: quickly when the owner was lost, else now and
// then.
func (l *Lease) candidateLoop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var lostAt time.Time
	swept := time.Now()
	seen := l.view.Load()
	for {
		v := l.view.Load()
		if v.role == owning && time.Since(swept) >= sweepEvery {
			swept = time.Now()
			go sweepSockets(l.Dir)
		}
		if v != seen {
			seen = v
			lostAt = time.Now()
		}
		switch {
		case v.role != searching:
			timer.Reset(idleTry)
		case v.lost && time.Since(lostAt) < lostFor:
			timer.Reset(lostTry + rand.N(lostTry)) //nolint:gosec // jitter
		default:
			timer.Reset(searchTry)
		}
		select {
		case <-ctx.Done():
			return
		case <-v.next:
		case <-timer.C:
			l.try() //nolint:contextcheck // a store closes in its own time
		}
	}
}

// try takes the lock if it is free and the process is a candidate.
func (l *Lease) try() {
	if l.NeverOwn || l.retired.Load() || l.barred.Load() != nil || !l.begin() {
		return
	}
	defer l.end()
	if l.beside && l.view.Load().role != forwarding {
		// The owner is lost, and with it maybe what was wrong, as with two lock files.
		l.beside, l.backoff, l.retryAt = false, 0, time.Time{}
	}
	if l.lock != nil || time.Now().Before(l.retryAt) {
		return
	}
	lock, err := tryLock(l.Dir, l.AllowNetworkFS)
	switch {
	case errors.Is(err, ErrHeld):
	case err != nil:
		l.refuse(err)
	default:
		open := l.Store.OpenExisting
		if !l.met.Load() {
			// As at the start: who had the lock then, and is gone, may have made no store.
			open = l.Store.Open
		}
		_ = l.take(lock, open) // its error is logged, and tried again later
	}
}
