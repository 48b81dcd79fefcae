// Package storetest opens stores for tests.
package storetest

import (
	"path/filepath"
	"testing"

	"github.com/splitboard/splitboard/internal/store"
)

// Open opens a new store in the test's own folder. When the test ends it checks every
// invariant of the store and closes it.
func Open(tb testing.TB, schema store.Schema, opts store.Options) *store.Store {
	tb.Helper()
	s, err := store.Open(filepath.Join(tb.TempDir(), "store.db"), schema, opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		problems, err := s.Check()
		if err != nil {
			tb.Errorf("checking the store: %v", err)
		}
		for _, p := range problems {
			tb.Errorf("the store is damaged: %s", p)
		}
		if err := s.Close(); err != nil {
			tb.Errorf("closing the store: %v", err)
		}
	})
	return s
}
