//go:build failpoints

package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"
)

// armed puts lines in force until the test ends.
func armed(t *testing.T, lines ...string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "points")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SPLITBOARD_FAILPOINTS", path)
}

func TestAnInjectedFullDiskIsRolledBack(t *testing.T) {
	s := openNew(t, Options{})
	mustChange(t, s, put("k", "before"))
	armed(t, "store.commit enospc once")
	if err := do(t.Context(), s, put("k", "lost")); !errors.Is(err, ErrFull) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Mutate = %v, want ErrFull because of ENOSPC", err)
	}
	wantRow(t, s, "k", "before")
	mustChange(t, s, put("k", "after"))
}

func TestAnInjectedFailedSyncIsFatal(t *testing.T) {
	fatal := make(chan error, 1)
	s := openNew(t, Options{Fatal: func(err error) { fatal <- err }})
	armed(t, "store.commit eio")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if err := <-fatal; !errors.Is(err, syscall.EIO) {
			t.Errorf("Fatal was given %v, want EIO", err)
		}
		cancel()
	}()
	if err := do(ctx, s, put("k", "v")); !errors.Is(err, context.Canceled) {
		t.Errorf("Mutate = %v: nobody may be answered", err)
	}
}

// The controls: with the switch off the promise is broken, so a test of it can fail.
func TestWithTheGateOffRequestsRunBehindIt(t *testing.T) {
	s := openNew(t, Options{})
	h := hold(t, s)
	armed(t, "gate off")
	shut(t, s) // at once, though a change is inside
	h.letGo()
	if err := s.View(func(*bbolt.Tx) error { return nil }); err != nil {
		t.Errorf("View = %v", err)
	}
	mustChange(t, s, put("k", "v"))
}

func TestWithTheKeysOffARequestRunsTwice(t *testing.T) {
	s := openNew(t, Options{})
	armed(t, "keys off")
	var c counter
	for _, ctx := range []context.Context{WithIdempotencyKey(t.Context(), "key"), WithRetryKey(t.Context(), []byte("key"))} {
		before := c.runs
		for range 2 {
			if _, err := c.create(ctx, s, "/a", "x"); err != nil {
				t.Fatal(err)
			}
		}
		if c.runs != before+2 {
			t.Errorf("%d runs, want 2", c.runs-before)
		}
	}
}
