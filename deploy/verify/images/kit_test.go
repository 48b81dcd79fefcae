package images

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/verify/podman"
)

var containers = flag.Bool("containers", false, "build the images and run containers, and fail where what that needs is not installed")

const (
	version  = "v1.2.3-verify"                            // what the images are told that they are
	revision = "0123456789abcdef0123456789abcdef01234567" // and of which commit
	owner    = 65532                                      // the programs' user
)

var programs = []string{"api", "users", "threads", "posts", "edge"}

// image is the name that a target of the Dockerfile is built under.
func image(target string) string { return "localhost/verify/" + target + ":latest" }

// A kit is what the tests share: an engine that has the images.
type kit struct {
	*podman.Engine

	root    string // the repository's folder
	goImage string
}

var (
	engine *podman.Engine // closed when all tests have ended
	built  = sync.OnceValues(build)
)

func TestMain(m *testing.M) {
	code := m.Run()
	if engine != nil {
		if err := engine.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// images gives a test the kit, or skips the test.
func images(t *testing.T) *kit {
	t.Helper()
	if !*containers {
		t.Skip("SKIPPED, NOT TESTED: images are built and containers run with -containers")
	}
	k, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// build builds every target of the Dockerfile.
func build() (*kit, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	root, err := cast.Root(ctx)
	if err != nil {
		return nil, err
	}
	if engine, err = podman.New(ctx); err != nil {
		return nil, err
	}
	k := &kit{Engine: engine, root: root}
	began := time.Now()
	if k.goImage, err = k.GoImage(ctx, root); err != nil {
		return nil, err
	}
	fmt.Printf("the stand-in for Go's image: %.1f s\n", time.Since(began).Seconds())
	for _, target := range programs {
		began = time.Now()
		if err := k.Build(ctx, k.target(target)); err != nil {
			return nil, err
		}
		fmt.Printf("the image %s: %.1f s\n", target, time.Since(began).Seconds())
	}
	return k, nil
}

// target is how a target of the Dockerfile is built.
func (k *kit) target(name string) podman.Build {
	return podman.Build{
		Context: k.root, Target: name, Tag: image(name),
		Args: map[string]string{"GO_IMAGE": k.goImage, "VERSION": version, "REVISION": revision},
	}
}

// run runs a container that is removed when the test ends.
func (k *kit) run(t *testing.T, s podman.Spec) *podman.Container {
	t.Helper()
	c, err := k.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if t.Failed() {
			out, log, _ := c.Logs(ctx)
			t.Logf("%s wrote, at last:\n%s%s", c.Name(), tail(out), tail(log))
		}
		if err := c.Remove(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

// tail gives a text's last lines.
func tail(text string) string {
	const most = 2000
	return text[max(0, len(text)-most):]
}

// volumes makes a folder for each store, as they are on the instance's data volume, and
// gives them by name.
func (k *kit) volumes(t *testing.T) map[string]string {
	t.Helper()
	folders := make(map[string]string)
	for _, name := range []string{"users", "threads", "posts"} {
		folders[name] = k.folder(t, name)
	}
	return folders
}

// folder makes a folder that belongs to the programs' user.
func (k *kit) folder(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := errors.Join(os.Mkdir(path, 0o755), os.Chown(path, owner, owner)); err != nil {
		t.Fatal(err)
	}
	return path
}

// until asks again and again until there is no error.
func until(t *testing.T, what string, within time.Duration, ask func() error) {
	t.Helper()
	end := time.After(within)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not within %v: %v", what, within, err)
		}
	}
}
