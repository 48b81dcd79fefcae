//go:build !failpoints

package failpoint

import (
	"os"
	"path/filepath"
	"testing"
)

// A binary that is deployed does not look at the file.
func TestNothingHappensWithoutTheTag(t *testing.T) {
	path := filepath.Join(t.TempDir(), "points")
	if err := os.WriteFile(path, []byte("store.view kill\nstore.commit enospc\ngate off\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SPLITBOARD_FAILPOINTS", path)
	Hit(StoreView)
	if err := Err(StoreCommit); err != nil {
		t.Error(err)
	}
	if Off(Gate) || Enabled {
		t.Error("this binary has fail points")
	}
}

// BenchmarkOff takes as long as an empty loop.
func BenchmarkOff(b *testing.B) {
	for b.Loop() {
		Hit(StoreView)
		if Err(StoreCommit) != nil || Off(Gate) {
			b.Fatal("a fail point without the tag")
		}
	}
}

func BenchmarkEmptyLoop(b *testing.B) {
	n := 0
	for b.Loop() {
		n++
	}
	_ = n
}
