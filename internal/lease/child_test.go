package lease_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitboard/splitboard/internal/lease"
)

// What the test binary does as another process.
const (
	holdVariable = "LEASE_TEST_HOLD" // holds the lock of this folder
	nodeVariable = "LEASE_TEST_NODE" // is a node in this folder
	nodeSetup    = "LEASE_TEST_SETUP"
)

// TestMain lets the test binary be the other process.
func TestMain(m *testing.M) {
	if dir := os.Getenv(holdVariable); dir != "" {
		untilKilled(hold(dir))
	}
	if dir := os.Getenv(nodeVariable); dir != "" {
		untilKilled(childNode(dir))
	}
	code := m.Run()
	if left := leaked(5 * time.Second); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines of leases are left after all tests:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leaked gives the goroutines that run this package's code, when they do not end.
func leaked(within time.Duration) string {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(within); ; <-tick.C {
		buf := make([]byte, 16<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var left []string
		for g := range strings.SplitSeq(string(buf), "\n\n") {
			if strings.Contains(g, "/internal/lease.") {
				left = append(left, g)
			}
		}
		if len(left) == 0 || time.Now().After(late) {
			return strings.Join(left, "\n\n")
		}
	}
}

// hold takes the lock and a socket.
func hold(dir string) (string, error) {
	o := lease.Owner{Instance: lease.NewInstance(), PID: os.Getpid(), Binary: "other", Since: time.Now()}
	if _, err := lease.Acquire(dir, o, false); err != nil {
		return "", err
	}
	_, err := lease.Listen(context.Background(), dir, o.Instance)
	return o.Instance, err
}

// childNode is a node.
func childNode(dir string) (string, error) {
	var o setup
	if err := json.Unmarshal([]byte(os.Getenv(nodeSetup)), &o); err != nil {
		return "", err
	}
	n, err := newNode(dir, o)
	if err != nil {
		return "", err
	}
	go func() {
		fmt.Fprintln(os.Stderr, <-n.fatal)
		os.Exit(1)
	}()
	return n.id, nil
}

// untilKilled says who the process is, and lives until it is killed or its parent ends.
func untilKilled(instance string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(instance)
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}

// A child is another process.
type child struct {
	id  string
	cmd *exec.Cmd
}

// startChild starts another process that is a node in dir.
func startChild(t *testing.T, dir string, o setup) *child {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return spawn(t, nodeVariable+"="+dir, nodeSetup+"="+string(text))
}

func spawn(t *testing.T, env ...string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe() // closed by the system if this process dies
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd}
	t.Cleanup(func() { c.kill(t); _ = in.Close() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		c.kill(t)
		t.Fatalf("the other process says %q, %v: %s", line, err, said.String())
	}
	c.id = strings.TrimSpace(line)
	return c
}

// kill kills the process and returns when it is dead.
func (c *child) kill(t *testing.T) {
	t.Helper()
	if c.cmd.ProcessState != nil {
		return
	}
	if err := c.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = c.cmd.Wait() // killed
}

// signal sends a signal to the process.
func (c *child) signal(t *testing.T, s unix.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		t.Error(err)
	}
}

// stop stops the process, and returns when none of its threads runs any more: until then
// it may yet be given a lock.
func (c *child) stop(t *testing.T) {
	t.Helper()
	c.signal(t, unix.SIGSTOP)
	eventually(t, 5*time.Second, "the process is stopped", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", c.cmd.Process.Pid))
		for _, path := range threads {
			stat, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(stat), ") T ") {
				return false
			}
		}
		return err == nil && len(threads) > 0
	})
}
