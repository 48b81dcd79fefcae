package cast

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/child"
)

// An Operator gives a program's commands about a data folder.
type Operator struct {
	Program string // its path
	Data    string
	Env     []string // beside this process's own
}

// A CommandError is a command that failed.
type CommandError struct {
	Command string
	Code    int    // its exit code
	Output  string // standard output and standard error
}

func (e *CommandError) Error() string {
	return fmt.Sprintf("%s: exit code %d: %s", e.Command, e.Code, e.Output)
}

// Exit codes of the handoff command that say more than that it failed.
const (
	ExitAborted  = 4 // the handoff was broken off, and nothing has changed
	ExitNoTarget = 5 // there is no such target, or it is not able
)

// ExitCode gives the exit code of the command that err is about: 0 if err is nil, and -1
// if it is no [CommandError].
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	if failed, ok := errors.AsType[*CommandError](err); ok {
		return failed.Code
	}
	return -1
}

// Check has the program check its stores, which nobody may serve. The error says what
// is wrong with them.
func (o Operator) Check(ctx context.Context) error {
	_, err := o.run(ctx, "check")
	return err
}

// Status tells about the program's stores and the processes that answer for them.
func (o Operator) Status(ctx context.Context) (Status, error) {
	out, failed := o.run(ctx, "status", "--json")
	var s Status
	// The command also fails if a store is not served; what it prints then says so.
	if err := json.Unmarshal(out, &s); err != nil {
		return Status{}, errors.Join(failed, fmt.Errorf("what status prints: %w", err))
	}
	return s, nil
}

// Handoff moves the store of a service, or all of the program's if that is empty, to a
// process named by its instance or its program. More flags may follow. It returns the
// moves that were made, and a [CommandError] if not all were.
func (o Operator) Handoff(ctx context.Context, service, to string, flags ...string) ([]Move, error) {
	args := []string{"handoff"}
	if service != "" {
		args = append(args, service)
	}
	out, failed := o.run(ctx, append(append(args, "--to", to, "--json"), flags...)...)
	moves, err := parseMoves(out)
	return moves, errors.Join(failed, err)
}

// run runs a command and gives its standard output.
func (o Operator) run(ctx context.Context, args ...string) ([]byte, error) {
	//nolint:gosec // the program is one that was built here
	cmd := exec.CommandContext(ctx, o.Program, append(args, "--data", o.Data)...)
	cmd.Env = append(os.Environ(), o.Env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A child of the command's cannot hold it up once the command is killed.
	cmd.WaitDelay = time.Second
	child.DieWithParent(cmd)
	err := cmd.Run()
	if err == nil {
		return stdout.Bytes(), nil
	}
	if cmd.ProcessState == nil || ctx.Err() != nil {
		return stdout.Bytes(), errors.Join(err, ctx.Err(), errors.New(stderr.String()))
	}
	return stdout.Bytes(), &CommandError{Command: args[0], Code: cmd.ProcessState.ExitCode(), Output: stdout.String() + stderr.String()}
}
