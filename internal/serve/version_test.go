package serve

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A program that is linked with a version says it. The package's own tests are the
// program: with SERVE_TEST_MAIN they are one.
func TestVersionFromTheLinker(t *testing.T) {
	program := filepath.Join(t.TempDir(), "fake")
	build := exec.Command("go", "test", "-c", "-o", program,
		"-ldflags", "-X github.com/splitboard/splitboard/internal/serve.version=v9.8.7-test", ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for path, want := range map[string]string{program: "fake v9.8.7-test\n", os.Args[0]: "fake devel"} {
		command := exec.Command(path, "version")
		command.Env = append(os.Environ(), "SERVE_TEST_MAIN=1")
		out, err := command.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), want) {
			t.Errorf("version says %q, %v; want %q", out, err, want)
		}
	}
}
