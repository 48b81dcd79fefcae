package serve

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// defaultTimeout bounds a request whose caller set no deadline.
	defaultTimeout = 5 * time.Second
	// maxTimeout bounds every request.
	maxTimeout = 30 * time.Second
)

// A lazyDeadline is a context with a deadline whose timer starts when somebody first
// waits for it: a read never does, and a timer costs more than the rest of the
// interceptors. To everybody else it is what [context.WithDeadline] returns.
type lazyDeadline struct {
	parent   context.Context
	deadline time.Time
	// timed is nil until somebody waits, and finished if the request ended before.
	timed atomic.Pointer[timedContext]
}

type timedContext struct {
	context.Context
	cancel context.CancelFunc
}

// finished stands for the timed context of every request that ended without one.
var finished = func() *timedContext {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return &timedContext{Context: ctx, cancel: cancel}
}()

// withDeadline gives ctx the request's deadline. If it has an earlier one already, it
// is returned as it is, and the second result is nil. Otherwise finish must be called
// when the request is done.
func withDeadline(ctx context.Context, now time.Time) (context.Context, *lazyDeadline) {
	limit := now.Add(defaultTimeout)
	if asked, ok := ctx.Deadline(); ok {
		limit = now.Add(maxTimeout)
		if !asked.After(limit) {
			return ctx, nil
		}
	}
	l := &lazyDeadline{parent: ctx, deadline: limit}
	return l, l
}

func (l *lazyDeadline) Deadline() (time.Time, bool) { return l.deadline, true }

func (l *lazyDeadline) Done() <-chan struct{} { return l.start().Done() }

func (l *lazyDeadline) Err() error {
	if t := l.timed.Load(); t != nil {
		return t.Err()
	}
	if err := l.parent.Err(); err != nil {
		return err
	}
	if !time.Now().Before(l.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// Value asks the timed context once there is one: that is how package context finds
// out that a child can be cancelled without a goroutine of its own.
func (l *lazyDeadline) Value(key any) any {
	if t := l.timed.Load(); t != nil && t != finished {
		return t.Value(key)
	}
	return l.parent.Value(key)
}

func (l *lazyDeadline) start() *timedContext {
	if t := l.timed.Load(); t != nil {
		return t
	}
	ctx, cancel := context.WithDeadline(l.parent, l.deadline)
	t := &timedContext{Context: ctx, cancel: cancel}
	if !l.timed.CompareAndSwap(nil, t) {
		cancel()
		return l.timed.Load()
	}
	return t
}

// finish cancels the context.
func (l *lazyDeadline) finish() {
	if !l.timed.CompareAndSwap(nil, finished) {
		l.timed.Load().cancel()
	}
}
