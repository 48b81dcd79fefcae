// Package storetest opens stores for tests.
package storetest

import (
	"path/filepath"
	"testing"

	"github.com/splitboard/splitboard/internal/store"
)

// Open opens a new store in the test's own folder. When the test ends it closes
// the store and checks every invariant of it.
func Open(tb testing.TB, schema store.Schema, opts store.Options) *store.Store {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "store.db")
	s, err := store.Open(path, schema, opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("closing the store: %v", err)
		}
		problems, err := store.Check(path, schema)
		if err != nil {
			tb.Errorf("checking the store: %v", err)
		}
		for _, p := range problems {
			tb.Errorf("the store is damaged: %s", p)
		}
	})
	return s
}
