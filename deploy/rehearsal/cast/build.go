package cast

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The board's programs.
const (
	Monolith = "monolith"
	Users    = "users"
	Threads  = "threads"
	Posts    = "posts"
	Edge     = "edge"
)

const module = "github.com/splitboard/splitboard"

// packages are the programs' main packages.
var packages = []string{
	module + "/monolith",
	module + "/services/users/cmd/users",
	module + "/services/threads/cmd/threads",
	module + "/services/posts/cmd/posts",
	module + "/edge/cmd/edge",
}

// Programs is a folder with the board's programs.
type Programs string

// Path gives the path of one of them.
func (p Programs) Path(name string) string { return filepath.Join(string(p), name) }

// Build builds the board's programs into dir, with the given build tags. The working
// directory must be in this repository.
func Build(ctx context.Context, dir string, tags ...string) (Programs, error) {
	root, err := Root(ctx)
	if err != nil {
		return "", err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	args := append([]string{"build", "-tags", strings.Join(tags, ","), "-o", dir + string(filepath.Separator)}, packages...)
	if _, err := goCommand(ctx, root, args...); err != nil {
		return "", fmt.Errorf("building the programs: %w", err)
	}
	return Programs(dir), nil
}

// Root gives the folder of the go.work that has the programs. `go env GOWORK` would
// not do: where the module is tested alone, it says "off".
func Root(ctx context.Context) (string, error) {
	out, err := goCommand(ctx, "", "list", "-m", "-f", "{{.Dir}}", module+"/deploy/rehearsal")
	if err != nil {
		return "", fmt.Errorf("finding the repository, which the working directory must be in: %w", err)
	}
	return filepath.Dir(filepath.Dir(strings.TrimSpace(out))), nil
}

// goCommand runs the go command in a folder, in the folder's workspace if one is named,
// and gives its standard output.
func goCommand(ctx context.Context, folder string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the arguments are those above
	if folder != "" {
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "GOWORK="+filepath.Join(folder, "go.work"))
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", errors.Join(err, errors.New(strings.TrimSpace(stderr.String())))
	}
	return stdout.String(), nil
}
