// Package transfertest imports files into stores of one service for its tests.
package transfertest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/transfer"
)

// Now is the time of every import.
var Now = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// Import imports a file's text into a new store and opens that. When the test ends it
// checks every invariant of the store and closes it. If the import fails, it verifies that
// nothing is left behind.
func Import(tb testing.TB, table transfer.Table, schema store.Schema, text string) (*store.Store, error) {
	tb.Helper()
	dir := tb.TempDir()
	target := transfer.Target{Table: table, Schema: schema, Path: filepath.Join(dir, "store.db")}
	_, err := transfer.Import(tb.Context(), "board.json", strings.NewReader(text), []transfer.Target{target},
		transfer.Options{Now: func() time.Time { return Now }})
	if err != nil {
		if left, lerr := os.ReadDir(dir); lerr != nil || len(left) > 0 {
			tb.Errorf("a failed import left %v, %v", left, lerr)
		}
		return nil, err
	}
	s, err := store.Open(target.Path, schema, store.Options{Now: func() time.Time { return Now.Add(time.Hour) }})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		problems, err := s.Check()
		if err := errors.Join(err, s.Close()); err != nil {
			tb.Errorf("checking the store: %v", err)
		}
		for _, p := range problems {
			tb.Errorf("the store is damaged: %s", p)
		}
	})
	return s, nil
}

// Export gives what a store exports.
func Export(tb testing.TB, table transfer.Table, s *store.Store) string {
	tb.Helper()
	var out strings.Builder
	if _, err := transfer.Export(tb.Context(), &out, []transfer.Source{{Table: table, View: s.View}}); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}
