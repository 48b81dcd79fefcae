package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/splitboard/splitboard/deploy/verify/podman"
)

// tasks are the programs that have a task definition.
var tasks = []string{"api", "users", "threads", "posts"}

// task gives the container of a task definition, with its volumes in the folders.
func (k *kit) task(t *testing.T, name string, folders map[string]string) podman.Spec {
	t.Helper()
	file := filepath.Join(k.root, "deploy/ecs/task-definitions", name+".json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var definition ecs.RegisterTaskDefinitionInput
	// The package files has looked at the names of all fields.
	if err := json.Unmarshal(text, &definition); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if n := len(definition.ContainerDefinitions); n != 1 {
		t.Fatalf("%s has %d containers", file, n)
	}
	spec, err := podman.SpecOf(&definition.ContainerDefinitions[0], folders)
	if err != nil {
		t.Fatal(err)
	}
	spec.Image = image(name)
	return spec
}

// create makes the stores, as the first start of the deployment does.
func (k *kit) create(t *testing.T, folders map[string]string, seed string) {
	t.Helper()
	spec := k.task(t, "api", folders)
	spec.Name += "-first"
	spec.Env["SPLITBOARD_CREATE"], spec.Env["SPLITBOARD_SEED"], spec.Env["SPLITBOARD_DRAIN"] = "auto", seed, "0s"
	c := k.run(t, spec)
	healthy(t, c)
	stop(t, c)
}

// healthy waits until the container's own health command says so.
func healthy(t *testing.T, c *podman.Container) {
	t.Helper()
	until(t, c.Name()+" is healthy", 20*time.Second, func() error { return c.Health(t.Context()) })
}

// stop sends SIGTERM and wants the program to end by itself, successfully, before it would
// be killed. It gives what it logged.
func stop(t *testing.T, c *podman.Container) string {
	t.Helper()
	began := time.Now()
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	code, err := c.Wait(t.Context())
	_, log, logErr := c.Logs(t.Context())
	if err := errors.Join(err, logErr); code != 0 || err != nil {
		t.Errorf("%s ended with %d after %v: %v", c.Name(), code, took, err)
	}
	if limit := c.Spec().StopTimeout; limit == 0 || took > limit*3/4 {
		t.Errorf("%s took %v to end, and has %v", c.Name(), took, limit)
	}
	return log
}

// addr gives where a port of the container's is published.
func addr(t *testing.T, c *podman.Container, port int) string {
	t.Helper()
	a, err := c.Addr(t.Context(), port)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Each task definition's container runs as it is to run on AWS.
func TestTasks(t *testing.T) {
	k := images(t)
	folders := k.volumes(t)
	k.create(t, folders, "sample")
	for _, name := range tasks {
		t.Run(name, func(t *testing.T) {
			c := k.run(t, k.task(t, name, folders))
			healthy(t, c)
			for _, path := range []string{"/", "/api/"} {
				want(t, "http://"+addr(t, c, 3000)+path, http.StatusOK)
			}
			if name != "api" {
				want(t, "http://"+addr(t, c, 3000)+"/api/"+name, http.StatusOK)
			}
			if err := confined(t, c, 256); err != nil {
				t.Error(err)
			}
			if o, err := c.Exec(t.Context(), "/bin/sh", "-c", "true"); err == nil {
				t.Errorf("there is a shell: %+v", o)
			}
			// A deploy: the next one is there before this one ends, and takes its stores.
			next := k.task(t, name, folders)
			next.Name += "-next"
			next.Env["SPLITBOARD_DRAIN"] = "0s"
			after := k.run(t, next)
			healthy(t, after)
			if n, stores := holds(t, stop(t, c)), len(next.Mounts); n != stores {
				t.Errorf("it handed %d stores over, and has %d", n, stores)
			}
			want(t, "http://"+addr(t, after, 3000)+"/", http.StatusOK)
			stop(t, after)
		})
	}
}

// Without a store the tasks do not start: a volume that is not mounted is no empty board.
func TestTaskWithoutStore(t *testing.T) {
	k := images(t)
	spec := k.task(t, "users", k.volumes(t))
	o, err := k.RunToEnd(t.Context(), spec)
	if err != nil || o.Code == 0 || !strings.Contains(o.Stderr, "there is no store") {
		t.Errorf("it ends with %+v, %v", o, err)
	}
}

// What confines a container is seen to be missing where it is.
func TestConfinementCanFail(t *testing.T) {
	k := images(t)
	for what, loosen := range map[string]func(*podman.Spec){
		"root": func(s *podman.Spec) {
			s.User = "0:0"
			// Root without capabilities is nobody in others' folders.
			if err := os.Chown(s.Mounts[0].From, 0, 0); err != nil {
				t.Error(err)
			}
		},
		"all capabilities":     func(s *podman.Spec) { s.DropAll = false },
		"writable root":        func(s *podman.Spec) { s.ReadOnly = false },
		"new privileges":       func(s *podman.Spec) { s.NoNewPrivileges = false },
		"unlimited memory":     func(s *podman.Spec) { s.MemoryMiB = 0 },
		"another file's limit": func(s *podman.Spec) { s.Ulimits = []podman.Ulimit{{Name: "nofile", Soft: 1024, Hard: 1024}} },
	} {
		t.Run(what, func(t *testing.T) {
			spec := k.task(t, "users", k.volumes(t))
			spec.Env["SPLITBOARD_CREATE"] = "auto"
			loosen(&spec)
			c := k.run(t, spec)
			healthy(t, c)
			err := confined(t, c, 256)
			if err == nil {
				t.Error("nothing is found wrong")
			}
			t.Log(err)
		})
	}
}

// confined says what a container may do that it should not be able to. It asks the kernel.
func confined(t *testing.T, c *podman.Container, memoryMiB int) error {
	t.Helper()
	out, err := c.Inspect(t.Context(), "{{.State.Pid}} {{.HostConfig.Memory}}")
	if err != nil {
		t.Fatal(err)
	}
	pid, memory, _ := strings.Cut(out, " ")
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("/proc", pid, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var errs []error
	for name, lines := range map[string][]string{
		"status": {
			`Uid:\s65532\s65532\s65532\s65532`, `Gid:\s65532\s65532\s65532\s65532`, `Groups:\s(65532)?\s*`, `NoNewPrivs:\s1`,
			`CapInh:\s0+`, `CapPrm:\s0+`, `CapEff:\s0+`, `CapBnd:\s0+`, `CapAmb:\s0+`, `Seccomp:\s2`,
		},
		"mountinfo": {`\d+ \d+ \S+ \S+ / ro[ ,].*`},
		"limits":    {`Max open files\s+16384\s+16384\s+files\s*`},
	} {
		text := read(name)
		for _, line := range lines {
			if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(text) {
				errs = append(errs, fmt.Errorf("/proc/%s/%s has no line %s", pid, name, line))
			}
		}
	}
	if memory != strconv.Itoa(memoryMiB<<20) {
		errs = append(errs, fmt.Errorf("it has %s bytes of memory", memory))
	}
	return errors.Join(errs...)
}

// ask asks for a page and says if its status is another.
func ask(url string, status int) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != status {
		return fmt.Errorf("%s answers %s, want %d", url, resp.Status, status)
	}
	return nil
}

func want(t *testing.T, url string, status int) {
	t.Helper()
	if err := ask(url, status); err != nil {
		t.Error(err)
	}
}
