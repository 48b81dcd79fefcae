package serve

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type key struct{}

func TestDeadlineLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for _, c := range []struct {
			name  string
			asked time.Duration // 0 for none
			want  time.Duration
			same  bool
		}{
			{"none", 0, defaultTimeout, false},
			{"short", time.Second, time.Second, true},
			{"longer than the default", 20 * time.Second, 20 * time.Second, true},
			{"the most", maxTimeout, maxTimeout, true},
			{"too long", time.Hour, maxTimeout, false},
		} {
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if c.asked > 0 {
				ctx, cancel = context.WithTimeout(ctx, c.asked)
			}
			got, lazy := withDeadline(ctx, now)
			if (lazy == nil) != c.same || (got == ctx) != c.same {
				t.Errorf("%s: a context of its own: %v", c.name, lazy != nil)
			}
			if d, ok := got.Deadline(); !ok || !d.Equal(now.Add(c.want)) {
				t.Errorf("%s: deadline %v, want %v", c.name, d.Sub(now), c.want)
			}
			if lazy != nil {
				lazy.finish()
			}
			cancel()
		}
	})
}

func TestDeadlineExpires(t *testing.T) {
	// Each way to look at a context, asked for the first time before or after the end.
	ways := map[string]func(context.Context) error{
		"Err":  func(ctx context.Context) error { return ctx.Err() },
		"Done": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"child": func(ctx context.Context) error {
			child, cancel := context.WithCancel(context.WithValue(ctx, key{}, 1))
			defer cancel()
			<-child.Done()
			return child.Err()
		},
		"AfterFunc": func(ctx context.Context) error {
			c := make(chan error, 1)
			context.AfterFunc(ctx, func() { c <- ctx.Err() })
			return <-c
		},
		"Cause": func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
	}
	for name, look := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, lazy := withDeadline(t.Context(), time.Now())
				defer lazy.finish()
				start := time.Now()
				if name != "Err" {
					if err := look(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != defaultTimeout {
						t.Errorf("before the end: %v after %v", err, time.Since(start))
					}
				} else if err := look(ctx); err != nil {
					t.Errorf("before the end: %v", err)
				}
				<-time.After(defaultTimeout)
				if err := look(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("after the end: %v", err)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				ctx, lazy := withDeadline(t.Context(), time.Now())
				defer lazy.finish()
				<-time.After(defaultTimeout)
				if err := look(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("asked only after the end: %v", err)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancel(t.Context())
				ctx, lazy := withDeadline(parent, time.Now())
				defer lazy.finish()
				go func() { <-time.After(time.Second); cancel() }()
				if name == "Err" {
					<-time.After(2 * time.Second)
				}
				if err := look(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("the parent was cancelled: %v", err)
				}
			})
		})
	}
}

// A read never asks, and must not pay for a timer or a goroutine.
func TestDeadlineIsLazy(t *testing.T) {
	parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	defer cancel()
	ctx, lazy := withDeadline(parent, time.Now())
	if ctx.Err() != nil || ctx.Value(key{}) != "value" {
		t.Errorf("err %v, value %v", ctx.Err(), ctx.Value(key{}))
	}
	if lazy.timed.Load() != nil {
		t.Error("Err, Value or Deadline started the timer")
	}
	lazy.finish()
	if !errors.Is(ctx.Err(), context.Canceled) || ctx.Value(key{}) != "value" {
		t.Errorf("finished: err %v, value %v", ctx.Err(), ctx.Value(key{}))
	}
	select {
	case <-ctx.Done():
	default:
		t.Error("finished, and not done")
	}
	child, cancelChild := context.WithCancel(ctx)
	defer cancelChild()
	if child.Err() == nil {
		t.Error("a child of a finished context is alive")
	}
	now := time.Now()
	allocs := testing.AllocsPerRun(100, func() {
		ctx, lazy := withDeadline(parent, now)
		_, _ = ctx.Deadline()
		lazy.finish()
	})
	if allocs > 1 {
		t.Errorf("%v allocations, want at most 1", allocs)
	}
}

func TestDeadlineFinishCancelsWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, lazy := withDeadline(t.Context(), time.Now())
		errs := make(chan error, 8)
		var started sync.WaitGroup
		for range cap(errs) {
			started.Add(1)
			go func() {
				done := ctx.Done()
				started.Done()
				<-done
				errs <- ctx.Err()
			}()
		}
		started.Wait()
		lazy.finish()
		for range cap(errs) {
			if err := <-errs; !errors.Is(err, context.Canceled) {
				t.Errorf("a waiter got %v", err)
			}
		}
	})
}

// Children must be found by package context without a goroutine that watches for them.
func TestDeadlineChildNeedsNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, lazy := withDeadline(t.Context(), time.Now())
		defer lazy.finish()
		_ = ctx.Done()
		allocs := testing.AllocsPerRun(100, func() {
			_, cancel := context.WithCancel(ctx)
			cancel()
		})
		plain, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		want := testing.AllocsPerRun(100, func() {
			_, cancel := context.WithCancel(plain)
			cancel()
		})
		if allocs > want {
			t.Errorf("a child costs %v allocations, under a plain deadline %v", allocs, want)
		}
	})
}

func BenchmarkDeadline(b *testing.B) {
	parent, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.Run("lazy, not asked", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ctx, lazy := withDeadline(parent, time.Now())
			_ = ctx
			lazy.finish()
		}
	})
	b.Run("lazy, asked", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ctx, lazy := withDeadline(parent, time.Now())
			_ = ctx.Done()
			lazy.finish()
		}
	})
	b.Run("context.WithDeadline", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ctx, cancel := context.WithDeadline(parent, time.Now().Add(defaultTimeout))
			_ = ctx
			cancel()
		}
	})
}
