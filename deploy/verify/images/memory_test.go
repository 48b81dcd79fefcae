package images

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/audit"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
	"github.com/splitboard/splitboard/deploy/verify/podman"
)

const (
	boardUsers   = 1000
	boardThreads = 2000
	boardPosts   = 100_000
	smallMiB     = 128
	killed       = 128 + 9 // the exit code of a program that SIGKILL ended
)

// writeBoard writes a board in the tutorial's shape.
func writeBoard(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	section := func(name string, n int, row func(i int) any) {
		fmt.Fprintf(w, "%q: [", name)
		for i := range n {
			if i > 0 {
				fmt.Fprintln(w, ",")
			}
			b, err := json.Marshal(row(i))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write(b)
		}
		fmt.Fprint(w, "]")
	}
	fmt.Fprint(w, "{")
	section("users", boardUsers, func(i int) any {
		return map[string]any{"id": i + 1, "username": fmt.Sprintf("user_%d", i+1), "name": fmt.Sprintf("User %d", i+1), "bio": "One of many."}
	})
	fmt.Fprint(w, ",")
	section("threads", boardThreads, func(i int) any {
		return map[string]any{"id": i + 1, "title": fmt.Sprintf("Thread %d", i+1), "createdBy": i%boardUsers + 1}
	})
	fmt.Fprint(w, ",")
	section("posts", boardPosts, func(i int) any {
		return map[string]any{"thread": i%boardThreads + 1, "user": i*7%boardUsers + 1, "text": fmt.Sprintf("Post %d: a text of about the length that people write on boards when they have something to say to each other.", i+1)}
	})
	fmt.Fprint(w, "}\n")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// A container with 128 MiB takes a board of 100,000 posts in, and serves it: all pages of
// it, and many clients at once that read and write.
func TestSmallContainer(t *testing.T) {
	k := images(t)
	folders := k.volumes(t)
	in := k.folder(t, "in")
	writeBoard(t, filepath.Join(in, "db.json"))

	spec := k.task(t, "api", folders)
	spec.MemoryMiB = smallMiB
	spec.Env["GOMEMLIMIT"] = "96MiB" // three quarters, as 192 are of the task's 256
	intake, input := spec, podman.Mount{From: in, To: "/in", ReadOnly: true}
	intake.Name, intake.Command, intake.Ports = "import", []string{"import", "/in/db.json"}, nil
	intake.Mounts = append(slices.Clone(spec.Mounts), input)
	began := time.Now()
	if o, err := k.RunToEnd(t.Context(), intake); err != nil || o.Code != 0 {
		t.Fatalf("import: %+v, %v", o, err)
	}
	t.Logf("imported in %v", time.Since(began))

	c := k.run(t, spec)
	healthy(t, c)
	began = time.Now()
	rest, grpc := addr(t, c, 3000), addr(t, c, 50051)
	config := load.Default()
	config.REST, config.GRPC = func(string) string { return rest }, func(string) string { return grpc }
	l := begin(t, config) // reads the whole board
	if n := len(l.before[load.Posts]); n != boardPosts {
		t.Errorf("there are %d posts", n)
	}
	t.Logf("walked through %d posts in %v", len(l.before[load.Posts]), time.Since(began))
	l.more(t, 20_000)
	l.end(t)
	found := audit.Audit(l.pool.Records(), l.before, l.read(t))
	figures := l.pool.Figures()
	t.Logf("%+v; %s", figures, &found)
	if !found.OK() || figures.Failed > 0 {
		t.Errorf("%d requests failed: %v; %s", figures.Failed, l.failures(), &found)
	}
	peak(t, c)
	stop(t, c)

	// The limit is one: with a tenth of it the kernel kills it.
	few := intake
	few.Name, few.MemoryMiB, few.Mounts = "import-few", smallMiB/10, k.task(t, "api", k.volumes(t)).Mounts
	few.Mounts = append(few.Mounts, input)
	if o, err := k.RunToEnd(t.Context(), few); err != nil || o.Code != killed {
		t.Errorf("with %d MiB it ends with %+v, %v", few.MemoryMiB, o, err)
	}
}

// peak logs the most memory that a container's process has had, with the pages of files,
// and what it has at the moment that cannot be reclaimed.
func peak(t *testing.T, c *podman.Container) {
	t.Helper()
	pid, err := c.Inspect(t.Context(), "{{.State.Pid}}")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		t.Fatal(err)
	}
	mib := make(map[string]int)
	for _, m := range regexp.MustCompile(`(?m)^(VmHWM|RssAnon):\s+(\d+) kB$`).FindAllStringSubmatch(string(text), -1) {
		kib, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		mib[m[1]] = kib / 1024
	}
	t.Logf("at most %d MiB, of which now %d MiB are not a file's", mib["VmHWM"], mib["RssAnon"])
}
