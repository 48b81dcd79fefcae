package podman

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
)

// A Container is one that was started.
type Container struct {
	engine *Engine
	spec   Spec
}

// Run starts a container and returns when its program runs.
func (e *Engine) Run(ctx context.Context, s Spec) (*Container, error) {
	c := &Container{engine: e, spec: s}
	if _, err := e.Podman(ctx, append([]string{"run", "--detach"}, s.args()...)...); err != nil {
		// What could not be started is there all the same, under its name.
		return nil, errors.Join(err, c.Remove(ctx))
	}
	return c, nil
}

// An Outcome is how a program ended.
type Outcome struct {
	Code           int
	Stdout, Stderr string
}

// RunToEnd runs a container to its program's end, and removes it.
func (e *Engine) RunToEnd(ctx context.Context, s Spec) (Outcome, error) {
	return outcome(e.Podman(ctx, append([]string{"run", "--rm"}, s.args()...)...))
}

// outcome tells a program that failed from one that could not be run.
func outcome(stdout string, err error) (Outcome, error) {
	// podman's own failures; see its manual.
	const podmanFailed, notExecutable, notFound = 125, 126, 127
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return Outcome{Stdout: stdout}, err
	}
	switch exit.ExitCode() {
	case podmanFailed, notExecutable, notFound, -1:
		return Outcome{}, err
	}
	o := Outcome{Code: exit.ExitCode(), Stdout: stdout}
	if failed, ok := errors.AsType[*CommandError](err); ok {
		o.Stderr = failed.Stderr
	}
	return o, nil
}

// Name is the container's.
func (c *Container) Name() string { return c.spec.Name }

// Spec is how the container runs.
func (c *Container) Spec() Spec { return c.spec }

// Addr is where a port of the container's is published.
func (c *Container) Addr(ctx context.Context, port int) (string, error) {
	out, err := c.engine.Podman(ctx, "port", c.spec.Name, strconv.Itoa(port)+"/tcp")
	if err != nil {
		return "", err
	}
	addr := strings.TrimSpace(out)
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return "", fmt.Errorf("port %d of %s is published at %q: %w", port, c.spec.Name, addr, err)
	}
	return addr, nil
}

// Exec runs a command in the container.
func (c *Container) Exec(ctx context.Context, command ...string) (Outcome, error) {
	return outcome(c.engine.Podman(ctx, append([]string{"exec", c.spec.Name}, command...)...))
}

// Health asks the container's health command. Its error says why the container is not
// healthy.
func (c *Container) Health(ctx context.Context) error {
	o, err := c.Exec(ctx, c.spec.Health...)
	if err == nil && o.Code != 0 {
		err = fmt.Errorf("%s: %s exits with %d: %s", c.spec.Name, strings.Join(c.spec.Health, " "), o.Code, o.Stderr)
	}
	return err
}

// Logs gives what the container's program has written to standard output, and to standard
// error.
func (c *Container) Logs(ctx context.Context) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(ctx, "podman", "logs", c.spec.Name) //nolint:gosec // a container of ours
	cmd.Env = c.engine.env
	var out, other strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &other
	err = cmd.Run()
	return out.String(), other.String(), err
}

// Stop sends SIGTERM, and SIGKILL after the spec's time, and returns when the container
// has ended.
func (c *Container) Stop(ctx context.Context) error {
	_, err := c.engine.Podman(ctx, "stop", c.spec.Name)
	return err
}

// Kill sends SIGKILL.
func (c *Container) Kill(ctx context.Context) error {
	_, err := c.engine.Podman(ctx, "kill", c.spec.Name)
	return err
}

// Wait returns the exit code of the container's program when it has ended.
func (c *Container) Wait(ctx context.Context) (int, error) {
	out, err := c.engine.Podman(ctx, "wait", c.spec.Name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(out))
}

// Inspect gives what podman knows of the container, in the words of a Go template.
func (c *Container) Inspect(ctx context.Context, format string) (string, error) {
	return c.engine.Inspect(ctx, c.spec.Name, format)
}

// Remove ends the container if it runs, and removes it.
func (c *Container) Remove(ctx context.Context) error {
	_, err := c.engine.Podman(ctx, "rm", "--force", "--ignore", "--time", "0", c.spec.Name)
	return err
}
