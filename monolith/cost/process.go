package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A process is a server that is being measured.
type process struct {
	cmd  *exec.Cmd
	addr string
}

// startBoard builds the monolith, imports a board and serves it on core 0.
func startBoard(ctx context.Context, dir string, posts int) (*process, error) {
	binary, data, file := filepath.Join(dir, "monolith"), filepath.Join(dir, "data"), filepath.Join(dir, "board.json")
	if err := runCommand(ctx, "go", "build", "-o", binary, "github.com/splitboard/splitboard/monolith"); err != nil {
		return nil, err
	}
	if err := writeBoard(file, posts); err != nil {
		return nil, err
	}
	if err := runCommand(ctx, binary, "import", "--data", data, file); err != nil {
		return nil, err
	}
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	return start(ctx, addr, binary, "serve", "--data", data, "--http", addr, "--grpc", "127.0.0.1:0", "--seed", "none")
}

// startFloor serves a fixed answer from this program itself, on core 0 too.
func startFloor(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	return start(ctx, addr, self, "-floor", addr)
}

// serveFloor answers every request with as many bytes as its query's n says.
func serveFloor(addr string) error {
	body := []byte(strings.Repeat("x", 1<<20))
	server := &http.Server{
		Addr:              addr,
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := strconv.Atoi(r.URL.RawQuery)
			if err != nil || n > len(body) {
				n = 0
			}
			w.Header()["Content-Length"] = []string{strconv.Itoa(n)}
			_, _ = w.Write(body[:n])
		}),
	}
	return server.ListenAndServe()
}

func start(ctx context.Context, addr, binary string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, binary, args...) //nolint:gosec // what it runs is its own choice
	log, err := os.CreateTemp("", "splitboard-cost-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	defer os.Remove(log.Name())
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, addr: addr}
	var core unix.CPUSet
	core.Set(0)
	if err := unix.SchedSetaffinity(cmd.Process.Pid, &core); err != nil {
		p.stop()
		return nil, err
	}
	if err := p.waitReady(ctx); err != nil {
		p.stop()
		said, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w; it said:\n%s", err, said)
	}
	return p, nil
}

func (p *process) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		_, err := lengthOf(ctx, p.addr, route{path: "/"}.request(0))
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("the server at %s does not answer: %w", p.addr, err)
		}
	}
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// cpu gives the CPU time, user and system, that the process has used.
func (p *process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The command's name, the second field, may hold anything but ends at the last ')'.
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.Atoi(f[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(f[12])
	if err != nil {
		return 0, err
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	return time.Duration(user+system) * tick, nil
}

// anonymousKiB gives the memory that the kernel cannot take back: RssAnon.
func (p *process) anonymousKiB() (int, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "RssAnon:"); ok {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(rest, "kB")))
		}
	}
	return 0, fmt.Errorf("%s has no RssAnon", f.Name())
}

// writeBoard makes up a board in the tutorial's shape: 100 posts in each thread.
func writeBoard(path string, posts int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	const users = 100
	threads := max(3, (posts+99)/100)
	list := func(name string, n int, record func(i int) any, end string) error {
		fmt.Fprintf(w, "%q:[", name)
		for i := 1; i <= n; i++ {
			if i > 1 {
				_ = w.WriteByte(',')
			}
			b, err := json.Marshal(record(i))
			if err != nil {
				return err
			}
			_, _ = w.Write(b)
		}
		_, err := w.WriteString("]" + end)
		return err
	}
	_ = w.WriteByte('{')
	if err := list("users", users, func(i int) any {
		return map[string]any{"id": i, "username": fmt.Sprintf("user%d", i), "name": fmt.Sprintf("User %d", i), "bio": "Measures twice, cuts once."}
	}, ","); err != nil {
		return err
	}
	if err := list("threads", threads, func(i int) any {
		return map[string]any{"id": i, "title": fmt.Sprintf("Thread %d", i), "createdBy": i%users + 1}
	}, ","); err != nil {
		return err
	}
	if err := list("posts", posts, func(i int) any {
		return map[string]any{"thread": i%threads + 1, "text": fmt.Sprintf("post %d, of about the length that posts have, which is not long", i), "user": i%users + 1}
	}, "}"); err != nil {
		return err
	}
	return w.Flush()
}

func runCommand(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // what it runs is its own choice
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

func freeAddr(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
