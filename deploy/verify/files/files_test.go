package files

import (
	"os"
	"testing"
)

// The repository, from this folder.
const root = "../../.."

func TestFiles(t *testing.T) {
	t.Parallel()
	for _, p := range Check(os.DirFS(root)) {
		t.Error(p)
	}
}
