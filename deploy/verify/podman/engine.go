package podman

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tools are the programs that an engine runs.
var tools = []string{"podman", "buildah", "runc", "busybox"}

// network is the name of the engine's bridge.
const network = "verify"

// An Engine builds images and runs containers. Its methods may be called concurrently.
type Engine struct {
	// Gateway is this machine's address on the containers' network.
	Gateway string

	dir string
	env []string
}

// Missing says which of the programs that an engine needs are not installed; nil if all
// are.
func Missing() error {
	var errs []error
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			errs = append(errs, fmt.Errorf("%s is needed to build images and run containers: %w", tool, err))
		}
	}
	return errors.Join(errs...)
}

// New makes an engine. It is to be closed.
func New(ctx context.Context) (*Engine, error) {
	if err := Missing(); err != nil {
		return nil, err
	}
	// Not a test's folder: sockets are made in it, whose paths must be short.
	dir, err := os.MkdirTemp("", "podman-")
	if err != nil {
		return nil, err
	}
	e := &Engine{dir: dir}
	if err := errors.Join(e.configure(), e.connect(ctx)); err != nil {
		return nil, errors.Join(err, e.Close()) //nolint:contextcheck // what was made is removed in any case
	}
	return e, nil
}

// Env is the environment in which any podman and buildah work with the engine.
func (e *Engine) Env() []string { return e.env }

// Dir is a folder that is removed when the engine is closed.
func (e *Engine) Dir() string { return e.dir }

// configure writes the engine's configuration. It replaces the machine's own as a whole.
func (e *Engine) configure() error {
	in := func(name string) string { return filepath.Join(e.dir, name) }
	files := map[string]string{
		// runc does what docker does. Locks in files, because those in shared memory are
		// the whole machine's.
		"containers.conf": fmt.Sprintf(`[containers]
default_ulimits = [%s]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
tmp_dir = %q
volume_path = %q
[network]
network_config_dir = %q
`, quoted(defaultUlimits), in("tmp"), in("volumes"), in("networks")),
		"storage.conf":    fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n", in("storage"), in("run")),
		"registries.conf": "",
		"auth.json":       "{}",
	}
	for name, text := range files {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	e.env = append(os.Environ(),
		"CONTAINERS_CONF="+in("containers.conf"),
		"CONTAINERS_STORAGE_CONF="+in("storage.conf"),
		"CONTAINERS_REGISTRIES_CONF="+in("registries.conf"),
		"REGISTRY_AUTH_FILE="+in("auth.json"),
		"BUILDAH_RUNTIME=runc",
		"TMPDIR="+in("scratch"), // where builds keep their caches
	)
	return os.Mkdir(in("scratch"), 0o700)
}

func quoted(ulimits []Ulimit) string {
	list := make([]string, 0, len(ulimits))
	for _, u := range ulimits {
		list = append(list, strconv.Quote(u.String()))
	}
	return strings.Join(list, ", ")
}

// Insecure makes the engine speak to a registry without TLS.
func (e *Engine) Insecure(registry string) error {
	text := fmt.Sprintf("[[registry]]\nlocation = %q\ninsecure = true\n", registry)
	return os.WriteFile(filepath.Join(e.dir, "registries.conf"), []byte(text), 0o600)
}

// connect makes the containers' network.
func (e *Engine) connect(ctx context.Context) error {
	if _, err := e.Podman(ctx, "network", "create", "--disable-dns", network); err != nil {
		return err
	}
	out, err := e.Podman(ctx, "network", "inspect", network, "--format", "{{range .Subnets}}{{.Gateway}}{{end}}")
	e.Gateway = strings.TrimSpace(out)
	return err
}

// Close ends the engine's containers and removes all that is the engine's.
func (e *Engine) Close() error {
	ctx := context.Background()
	_, err := e.Podman(ctx, "rm", "--all", "--force", "--time", "0")
	_, buildErr := e.buildah(ctx, "rm", "--all")
	quietErr := e.quiet(ctx)
	// The module cache of a build is read-only.
	_, modeErr := run(ctx, nil, "chmod", "-R", "u+w", filepath.Join(e.dir, "scratch"))
	return errors.Join(err, buildErr, quietErr, modeErr, e.unmount(ctx), os.RemoveAll(e.dir))
}

// quiet ends the processes that are left in the engine's folder, when all containers are
// gone: podman's service keeps the monitor of a command that was run in a container for
// five minutes, and then starts a podman that mounts the storage again.
func (e *Engine) quiet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := e.processes()
		if err != nil || len(left) == 0 {
			return err
		}
		for _, pid := range left {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("processes %v still work in %s", left, e.dir)
		}
	}
}

// processes lists those whose command names something in the engine's folder.
func (e *Engine) processes() ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var list []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(text, []byte(e.dir+"/")) {
			continue // it may be gone by now
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		list = append(list, pid)
	}
	return list, nil
}

// unmount takes off what is mounted in the engine's folder: a podman that was killed has
// left its storage so.
func (e *Engine) unmount(ctx context.Context) error {
	const mountPoint = 4 // a field of mountinfo; see proc(5)
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var errs []error
	for _, line := range slices.Backward(strings.Split(string(text), "\n")) {
		if fields := strings.Fields(line); len(fields) > mountPoint && strings.HasPrefix(fields[mountPoint], e.dir+"/") {
			_, err := run(ctx, nil, "umount", fields[mountPoint])
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Podman gives podman a command, and returns what it writes to standard output.
func (e *Engine) Podman(ctx context.Context, args ...string) (string, error) {
	// A container's monitor leaves a file called oom where podman was called, if it was one.
	return runIn(ctx, e.dir, e.env, "podman", args...)
}

func (e *Engine) buildah(ctx context.Context, args ...string) (string, error) {
	return run(ctx, e.env, "buildah", args...)
}

// run is runIn in the folder of this process.
func run(ctx context.Context, env []string, name string, args ...string) (string, error) {
	return runIn(ctx, "", env, name, args...)
}

// runIn gives a command's standard output. An error has what it wrote to the other.
func runIn(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the callers say what is run
	cmd.Dir, cmd.Env = dir, env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), &CommandError{Command: name + " " + strings.Join(args, " "), Stderr: strings.TrimSpace(stderr.String()), Err: err}
	}
	return stdout.String(), nil
}

// A CommandError is a command that failed.
type CommandError struct {
	Command string
	Stderr  string
	Err     error
}

func (e *CommandError) Error() string {
	return fmt.Sprintf("%s: %v\n%s", e.Command, e.Err, e.Stderr)
}

func (e *CommandError) Unwrap() error { return e.Err }
