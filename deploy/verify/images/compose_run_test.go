package images

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/audit"
	"github.com/splitboard/splitboard/deploy/rehearsal/child"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// A composed board is one that docker-compose runs, with podman as its engine.
type composed struct {
	k    *kit
	file string
	env  []string
}

// compose starts what docker-compose talks to.
func compose(t *testing.T, k *kit) *composed {
	t.Helper()
	lookPath(t, "docker-compose")
	text, err := os.ReadFile(filepath.Join(k.root, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// Port 3000 may be somebody's.
	mapped := strings.Replace(string(text), `"127.0.0.1:3000:3000"`, `"127.0.0.1::3000"`, 1)
	if mapped == string(text) {
		t.Fatal("compose.yaml does not publish port 3000")
	}
	socket := filepath.Join(k.Dir(), "podman.sock")
	c := &composed{k: k, file: filepath.Join(k.folder(t, "compose"), "compose.yaml"), env: append(k.Env(),
		"DOCKER_HOST=unix://"+socket, "DOCKER_BUILDKIT=0", "GO_IMAGE="+k.goImage, "VERSION="+version,
		// Health is asked for by timers of systemd; the test asks itself.
		"DISABLE_HC_SYSTEMD=true")}
	if err := os.WriteFile(c.file, []byte(mapped), 0o600); err != nil {
		t.Fatal(err)
	}
	service := exec.Command("podman", "system", "service", "--time", "0", "unix://"+socket)
	service.Env = c.env
	child.DieWithParent(service)
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Process.Kill(); _ = service.Wait() })
	until(t, "the engine's socket", 10*time.Second, func() error { _, err := os.Stat(socket); return err })
	c.askHealth(t)
	t.Cleanup(func() {
		if _, err := c.docker(context.WithoutCancel(t.Context()), "down", "--volumes", "--timeout", "0"); err != nil {
			t.Error(err)
		}
	})
	return c
}

// askHealth has the health of all containers asked for until the test ends.
func (c *composed) askHealth(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(time.Second)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-tick.C:
				names, _ := c.k.Podman(t.Context(), "ps", "--format", "{{.Names}}")
				for name := range strings.FieldsSeq(names) {
					_, _ = c.k.Podman(t.Context(), "healthcheck", "run", name)
				}
			case <-done:
				return
			}
		}
	}()
	t.Cleanup(func() { close(done); <-ended; tick.Stop() })
}

// docker gives docker-compose a command.
func (c *composed) docker(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker-compose", append([]string{
		"--file", c.file, "--project-directory", c.k.root, "--project-name", "board",
	}, args...)...)
	cmd.Env = c.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("docker-compose %s: %w\n%s", strings.Join(args, " "), err, tail(string(out)))
	}
	return string(out), nil
}

func (c *composed) command(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.docker(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What the comment on top of compose.yaml says: the board comes up with sample data, and
// the monolith takes it over and gives it back under load.
func TestComposedBoard(t *testing.T) {
	k := images(t)
	c := compose(t, k)
	ctx := t.Context()
	began := time.Now()
	c.command(t, "up", "--detach")
	t.Logf("up after %v", time.Since(began))
	edge := strings.TrimSpace(c.command(t, "port", "edge", "3000"))
	until(t, "the edge", 20*time.Second, func() error { return ask("http://"+edge+"/", http.StatusOK) })

	config := load.Default()
	config.Rate = 200
	config.REST = func(string) string { return edge }
	config.GRPC = nil
	l := begin(t, config)
	for _, service := range []string{load.Users, load.Threads, load.Posts} {
		if len(l.before[service]) == 0 {
			t.Errorf("there are no %s", service)
		}
	}
	services := []string{"users", "threads", "posts"}
	step := func(want string, args ...string) {
		t.Helper()
		c.command(t, args...)
		l.more(t, 100)
		status := c.command(t, "exec", "-T", want, "/splitboard", "status")
		t.Logf("after %s:\n%s", strings.Join(args, " "), status)
	}
	step("api", "up", "--detach", "api")
	until(t, "the monolith", 20*time.Second, func() error { return c.healthy(ctx, "api") })
	step("api", "exec", "-T", "api", "/splitboard", "handoff", "--to", "monolith")
	step("api", slices.Concat([]string{"stop"}, services)...)
	step("api", slices.Concat([]string{"up", "--detach"}, services)...)
	for _, s := range services {
		until(t, s, 20*time.Second, func() error { return c.healthy(ctx, s) })
	}
	step("api", "exec", "-T", "api", "/splitboard", "handoff", "--to", "service")
	step("users", "stop", "api")
	l.end(t)

	found := audit.Audit(l.pool.Records(), l.before, l.read(t))
	figures := l.pool.Figures()
	t.Logf("%+v; %s", figures, &found)
	if !found.OK() || figures.Failed > 0 {
		t.Errorf("%d of %d requests failed: %v; %s", figures.Failed, figures.Requests, l.failures(), &found)
	}
}

// healthy asks a service's container itself.
func (c *composed) healthy(ctx context.Context, service string) error {
	_, err := c.docker(ctx, "exec", "-T", service, "/splitboard", "health")
	return err
}
