package store

import (
	"errors"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// A watched store has a watchdog that looks when it is told to.
type watched struct {
	*Store
	fatal   chan error
	ticks   chan time.Time
	stopped chan struct{} // closed when the watchdog has ended
}

func openWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{fatal: make(chan error, 1), ticks: make(chan time.Time), stopped: make(chan struct{})}
	w.Store = newAt(t, newPath(t), testSchema, Options{Fatal: func(err error) { w.fatal <- err }})
	w.ticker = func(d time.Duration) (<-chan time.Time, func()) {
		if d*watchLooks != 2*time.Second {
			t.Errorf("the watchdog looks %d times, every %v", watchLooks, d)
		}
		return w.ticks, func() { close(w.stopped) }
	}
	reopen(t, w.Store)
	return w
}

// look makes the watchdog look so many times, once it has ended looking before.
func (w *watched) look(t *testing.T, times int) {
	t.Helper()
	for range times {
		select {
		case w.ticks <- time.Time{}:
		case err := <-w.fatal:
			t.Fatalf("Fatal was called with %v", err)
		}
	}
}

func TestAWedgedStoreIsFatal(t *testing.T) {
	w := openWatched(t)
	mustChange(t, w.Store, put("k", "v"))
	w.look(t, 2*watchLooks)
	h := hold(t, w.Store)
	w.look(t, 1+watchLooks) // the first sees that a batch has begun
	if err := <-w.fatal; !errors.Is(err, ErrWedged) {
		t.Errorf("Fatal was given %v, want ErrWedged", err)
	}
	<-w.stopped
	h.letGo()
}

func TestASlowStoreIsNotWedged(t *testing.T) {
	w := openWatched(t)
	reached := make(chan struct{})
	commit := w.commit
	w.commit = func(tx *bbolt.Tx) error {
		reached <- struct{}{}
		reached <- struct{}{}
		return commit(tx)
	}
	for range 5 {
		done := make(chan error)
		go func() { done <- do(t.Context(), w.Store, put("k", "v")) }()
		<-reached
		w.look(t, watchLooks) // one less than would be fatal
		<-reached
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	w.look(t, 1)
}

func TestAnIdleStoreIsNotWedged(t *testing.T) {
	w := openWatched(t)
	w.look(t, 5*watchLooks)
	mustChange(t, w.Store, put("k", "v"))
	w.look(t, 5*watchLooks)
	shut(t, w.Store)
	w.look(t, 5*watchLooks)
	closeStore(t, w.Store)
	<-w.stopped // nobody watches a closed store
}

// The real ticker ticks.
func TestTicker(*testing.T) {
	ticks, stop := newTicker(time.Millisecond)
	defer stop()
	<-ticks
	<-ticks
}
