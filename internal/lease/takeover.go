package lease

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/splitboard/splitboard/internal/failpoint"
	"github.com/splitboard/splitboard/internal/store"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

const (
	// takeTimeout is how long a target waits for a lock that it was promised.
	takeTimeout = 2 * time.Second
	// lostGrace is how long it goes on waiting when the owner that promised it is lost:
	// the kernel is about to free a dead process's lock.
	lostGrace = 100 * time.Millisecond
)

// Refusal says why the process cannot own a store that only binaries which know a
// schema version can read; "" if it can.
func (l *Lease) Refusal(minReader uint32) string {
	switch {
	case l.NeverOwn, l.retired.Load(), l.barred.Load() != nil:
		return l.unable()
	}
	return l.tooOld(minReader)
}

// tooOld says that the binary does not know the schema version that a store needs; "" if
// it does.
func (l *Lease) tooOld(minReader uint32) string {
	if minReader <= l.Schema.Version {
		return ""
	}
	return fmt.Sprintf("its data needs schema version %d, and this binary knows %d", minReader, l.Schema.Version)
}

// TakeOver waits for the lock, which the owner that asks is about to free, and makes this
// process the owner of the store, which must be as p says. waiting is called once it
// waits. It returns where the store stands, or ErrRefused, ErrAborted, ErrMismatch, or
// what opening the store said.
func (l *Lease) TakeOver(ctx context.Context, p *adminv1.Position, waiting func() error) (store.Position, error) {
	var none store.Position
	failpoint.Hit(failpoint.TakeoverAsked)
	if r := l.Refusal(0); r != "" {
		return none, ErrRefused.Message("this process cannot own the store: " + r)
	}
	if !l.beginSoon() {
		return none, ErrAborted.Message("this process is busy with this store's lock")
	}
	if l.lock != nil {
		l.end()
		return none, ErrRefused.Message("this process owns the store already")
	}
	v := l.view.Load()
	told := positionOf(p)
	l.show(&view{role: moving, hint: v.other()})
	now, err := l.takeOver(ctx, &told, waiting)
	if err != nil {
		l.show(&view{role: searching, hint: v.other(), lost: true})
		l.Log.Warn("the store was not taken over", "error", err)
		l.end()
		return none, err
	}
	// The old owner holds its requests until it is told; the rest of the world can wait.
	go func() {
		defer l.end()
		l.announce()
	}()
	return now, nil
}

func (l *Lease) takeOver(ctx context.Context, told *store.Position, waiting func() error) (store.Position, error) {
	granted := l.waiter.wait(l.Dir)
	failpoint.Hit(failpoint.TakeoverWaiting)
	if err := waiting(); err != nil {
		l.waiter.decline()
		return store.Position{}, err
	}
	lock, err := l.granted(ctx, granted)
	if err != nil {
		return store.Position{}, err
	}
	return l.own(lock, told, l.Store.OpenExisting) //nolint:contextcheck // a store closes in its own time
}

// granted waits for the lock.
func (l *Lease) granted(ctx context.Context, granted <-chan grant) (*Lock, error) {
	timer := time.NewTimer(takeTimeout)
	defer timer.Stop()
	lost := ctx.Done()
	for {
		select {
		case g := <-granted:
			return g.lock, g.err
		case <-lost:
			lost = nil
			timer.Reset(lostGrace)
		case <-timer.C:
			l.waiter.decline()
			return nil, ErrAborted.Message("the lock was not freed")
		}
	}
}

// A waiter waits for the lock. There is at most one at a time in a process, because
// nothing ends the wait but the lock: one that is not wanted any more lets the lock go
// again at once.
type waiter struct {
	mu      sync.Mutex
	waiting bool
	wanted  chan grant // nil: nobody wants the lock
}

type grant struct {
	lock *Lock
	err  error
}

// wait gives a channel that will have the lock.
func (w *waiter) wait(dir string) <-chan grant {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wanted = make(chan grant, 1)
	if !w.waiting {
		w.waiting = true
		go func() {
			lock, err := waitLock(dir)
			w.grant(lock, err)
		}()
	}
	return w.wanted
}

// decline says that nobody wants the lock any more.
func (w *waiter) decline() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case g := <-w.wanted: // it came at this very moment
		if g.lock != nil {
			_ = g.lock.unlock() // closing is all that can be done
		}
	default:
	}
	w.wanted = nil
}

// grant gives the lock to who wants it.
func (w *waiter) grant(lock *Lock, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = false
	switch {
	case w.wanted != nil:
		w.wanted <- grant{lock, err}
	case lock != nil:
		_ = lock.unlock() // closing is all that can be done
	}
}
