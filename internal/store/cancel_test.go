package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
)

func TestAQueuedChangeIsSkippedWhenItsCallerHasGone(t *testing.T) {
	path := newPath(t)
	s := openAt(t, path, testSchema, Options{})
	h := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	h.start(func() {
		defer close(gone)
		if err := do(ctx, s, put("gone", "v")); !errors.Is(err, context.Canceled) {
			t.Errorf("Mutate = %v, want the context's error", err)
		}
	})
	h.start(func() {
		if err := do(t.Context(), s, put("stayed", "v")); err != nil {
			t.Error(err)
		}
	})
	cancel()
	<-gone // without waiting for the batch
	h.letGo()
	closeStore(t, s)
	s = openAt(t, path, testSchema, Options{})
	wantNoRow(t, s, "gone")
	wantRow(t, s, "stayed", "v")
}

func TestARunningChangeCommitsWhenItsCallerGoes(t *testing.T) {
	path := newPath(t)
	s := openAt(t, path, testSchema, Options{})
	ctx, cancel := context.WithCancel(WithIdempotencyKey(t.Context(), "key"))
	release := make(chan struct{})
	err := do(ctx, s, func(tx *Tx) error {
		cancel()
		<-release
		return put("running", "v")(tx)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Mutate = %v, want the context's error", err)
	}
	close(release)
	closeStore(t, s) // waits for the change
	s = openAt(t, path, testSchema, Options{})
	wantRow(t, s, "running", "v")
	// The retry with the same key finds that it was done.
	if err := do(WithIdempotencyKey(t.Context(), "key"), s, func(*Tx) error {
		t.Error("the change ran again")
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestAContextThatHasEndedRunsNothing(t *testing.T) {
	s := openNew(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // which case of a select is taken is random
		if err := do(ctx, s, put("k", "v")); !errors.Is(err, context.Canceled) {
			t.Fatalf("Mutate = %v, want the context's error", err)
		}
	}
	mustChange(t, s, put("other", "v"))
	wantNoRow(t, s, "k")
	if got := s.Sequence(); got != 1 {
		t.Errorf("Sequence = %d, want 1", got)
	}
}

func TestAFullQueueLetsItsCallersGo(t *testing.T) {
	s := openNew(t, Options{})
	h := hold(t, s)
	for i := range maxBatchChanges {
		h.start(func() {
			if err := do(t.Context(), s, put(fmt.Sprint("k", i), "v")); err != nil {
				t.Error(err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- do(ctx, s, put("late", "v")) }()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("Mutate = %v, want the context's error", err)
	}
	h.letGo()
	wantNoRow(t, s, "late")
}

// askedContext counts how often somebody has begun to wait for its end.
type askedContext struct {
	context.Context // it is one
	asked           *atomic.Int64
}

func (c askedContext) Done() <-chan struct{} {
	c.asked.Add(1)
	return c.Context.Done()
}

// Those who wait for room in the queue have been let in, and are answered.
func TestCloseWaitsForAFullQueue(t *testing.T) {
	s := openNew(t, Options{})
	h := hold(t, s)
	const waiting = 50
	ctx := askedContext{Context: t.Context(), asked: new(atomic.Int64)}
	for i := range maxBatchChanges + waiting {
		if i < maxBatchChanges {
			h.start(func() {
				if err := do(t.Context(), s, put(strconv.Itoa(i), "v")); err != nil {
					t.Error(err)
				}
			})
			continue
		}
		h.started.Go(func() {
			if err := do(ctx, s, put(strconv.Itoa(i), "v")); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, func() bool { return ctx.asked.Load() == waiting })
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	eventually(t, s.gate.isClosed)
	h.letGo()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if got := s.Sequence(); got != uint64(maxBatchChanges+waiting) {
		t.Errorf("Sequence = %d, want %d", got, maxBatchChanges+waiting)
	}
}

func TestCloseWaitsForChanges(t *testing.T) {
	path := newPath(t)
	s := openAt(t, path, testSchema, Options{})
	h := hold(t, s)
	for i := range 20 {
		h.start(func() {
			if err := do(t.Context(), s, put(fmt.Sprint("k", i), "v")); err != nil {
				t.Errorf("a change that was queued before Close: %v", err)
			}
		})
	}
	closed := make(chan struct{}, 2)
	for range 2 {
		// Whichever of the two comes second waits as well: the caller unlocks next.
		go func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			closed <- struct{}{}
		}()
	}
	eventually(t, s.gate.isClosed)
	if err := do(t.Context(), s, put("late", "v")); !errors.Is(err, ErrClosed) {
		t.Errorf("Mutate = %v, want ErrClosed", err)
	}
	select {
	case <-closed:
		t.Error("Close returned while changes were queued")
	default:
	}
	h.letGo()
	<-closed
	<-closed
	s = openAt(t, path, testSchema, Options{})
	for i := range 20 {
		wantRow(t, s, fmt.Sprint("k", i), "v")
	}
	wantNoRow(t, s, "late")
}
