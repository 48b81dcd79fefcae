package drills

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
)

// The programs as they are deployed, and those with fail points, which are built when the
// first drill needs them.
var (
	plain      = sync.OnceValues(func() (cast.Programs, error) { return build() })
	failpoints = sync.OnceValues(func() (cast.Programs, error) { return build("failpoints") })
)

// built are the folders with programs, which TestMain removes.
var built struct {
	mu      sync.Mutex
	folders []string
}

func build(tags ...string) (cast.Programs, error) {
	folder, err := os.MkdirTemp("", "splitboard-drills-")
	if err != nil {
		return "", err
	}
	built.mu.Lock()
	built.folders = append(built.folders, folder)
	built.mu.Unlock()
	return cast.Build(context.Background(), folder, tags...)
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, folder := range built.folders {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}
