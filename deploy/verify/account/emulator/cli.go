package emulator

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
)

// A CLI is the AWS CLI, imported once, and a program `aws` that hands commands to it.
type CLI struct{ program *program }

// StartCLI makes the program aws in the folder bin. It returns nil if the AWS CLI is no
// module of python3, as its version 2 is not: then it can only be run as it is.
func StartCLI(ctx context.Context, folder, bin string) (*CLI, error) {
	if err := exec.CommandContext(ctx, "python3", "-c", "import awscli.clidriver").Run(); err != nil {
		return nil, nil //nolint:nilerr // it is no failure
	}
	p, line, err := run(ctx, folder, "preloaded", nil, filepath.Join(bin, "cli"))
	if err != nil {
		return nil, err
	}
	var client string
	if err := json.Unmarshal([]byte(line), &client); err != nil {
		return nil, err
	}
	//nolint:gosec // it is a program
	return &CLI{p}, os.WriteFile(filepath.Join(bin, "aws"), []byte(client), 0o755)
}

// Close ends it.
func (c *CLI) Close() error { return c.program.close() }
