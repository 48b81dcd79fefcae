package cast

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/splitboard/splitboard/deploy/rehearsal/child"
)

// errNotRunning is what is asked of a process that does not run.
var errNotRunning = errors.New("the process does not run")

// A Process is a program that can be started, and started again at the same addresses.
// Its methods are not for concurrent use, but for Arrivals, Log and Done.
type Process struct {
	// Name is what people call it.
	Name string
	// Program is the path of the program.
	Program string
	// Args are the flags of its serve command, but for the addresses and the log.
	Args []string
	// Env is its environment beside this process's own.
	Env []string
	// Access, if it is set, is given each line of its access log that Arrivals counts. It
	// must not keep it.
	Access func(line []byte)

	ready ready // of the last start; its addresses are for the next one, too

	arrivals atomic.Int64
	cmd      *exec.Cmd
	log      atomic.Pointer[logWatch]
	done     chan struct{} // closed when the process has ended
}

// Start runs the program until it is ready. If that fails or ctx ends before, it is
// killed.
func (p *Process) Start(ctx context.Context) error {
	if p.Running() {
		return fmt.Errorf("starting %s: it runs", p.Name)
	}
	if p.ready.HTTP == "" {
		p.ready.HTTP, p.ready.GRPC = "127.0.0.1:0", "127.0.0.1:0"
	}
	args := append([]string{"serve", "--log", "json", "--http", p.ready.HTTP}, p.Args...)
	if filepath.Base(p.Program) != Edge {
		args = append(args, "--grpc", p.ready.GRPC)
	}
	watch := newLogWatch()
	p.log.Store(watch)
	// It outlives the call, and its context.
	//nolint:gosec // the program is one that was built here
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), p.Program, args...)
	p.cmd.Env = append(os.Environ(), p.Env...)
	p.cmd.Stderr = watch
	p.cmd.Stdout = &accessCounter{requests: &p.arrivals, also: p.Access}
	child.DieWithParent(p.cmd)
	if err := p.cmd.Start(); err != nil {
		p.cmd = nil
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	p.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // what it says stands in ProcessState
		close(done)
	}(p.cmd, p.done)
	select {
	case p.ready = <-watch.ready:
		return nil
	case <-p.done:
		return fmt.Errorf("%s ended before it was ready: %s\n%s", p.Name, p.cmd.ProcessState, watch)
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("%s is not ready: %w\n%s", p.Name, ctx.Err(), watch), p.Kill())
	}
}

// HTTP gives the address of its REST face. It is empty before the first start.
func (p *Process) HTTP() string { return p.ready.HTTP }

// GRPC gives its gRPC address, which edge has none of.
func (p *Process) GRPC() string { return p.ready.GRPC }

// Instance gives the name that it gave itself at its last start.
func (p *Process) Instance() string { return p.ready.Instance }

// PID gives its number, or 0 before the first start.
func (p *Process) PID() int {
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Arrivals counts the requests to the board's API that have entered it over its
// addresses and were answered, in all its starts. The process writes them out 200 ms
// late, and those of its last moments are lost when it is killed.
func (p *Process) Arrivals() int64 { return p.arrivals.Load() }

// Log gives the end of what it has logged since its last start.
func (p *Process) Log() string {
	if w := p.log.Load(); w != nil {
		return w.String()
	}
	return ""
}

// Done is closed when the process has ended since its last start, before which Done is
// nil.
func (p *Process) Done() <-chan struct{} { return p.done }

// Terminate asks the process to end, waits until it has, and gives its exit code. It
// returns ctx's error, and leaves the process as it is, if that takes too long.
func (p *Process) Terminate(ctx context.Context) (code int, err error) {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	return p.Wait(ctx)
}

// Wait waits until the process has ended, and gives its exit code, which is -1 if a
// signal ended it.
func (p *Process) Wait(ctx context.Context) (code int, err error) {
	if p.done == nil {
		return 0, fmt.Errorf("waiting for %s: %w", p.Name, errNotRunning)
	}
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("%s does not end: %w\n%s", p.Name, ctx.Err(), p.Log())
	}
}

// Kill ends the process without a word to it, and returns when it is gone. It does
// nothing if it does not run.
func (p *Process) Kill() error {
	if !p.Running() {
		return nil
	}
	// It may end by itself at this moment, which is as good.
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing %s: %w", p.Name, err)
	}
	<-p.done
	return nil
}

// Halt stops the process as it stands, and returns when none of its threads runs.
func (p *Process) Halt() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if err := waitStopped(p.cmd.Process.Pid); err != nil {
		return fmt.Errorf("halting %s: %w\n%s", p.Name, err, p.Log())
	}
	return nil
}

// Continue lets a process go on that was halted.
func (p *Process) Continue() error { return p.signal(syscall.SIGCONT) }

// Running tells whether the process has been started and not ended.
func (p *Process) Running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *Process) signal(sig syscall.Signal) error {
	if !p.Running() {
		return fmt.Errorf("%v to %s: %w", sig, p.Name, errNotRunning)
	}
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("%v to %s: %w\n%s", sig, p.Name, err, p.Log())
	}
	return nil
}
