package rolling

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A process is one that serves.
type process struct {
	version              version
	http, grpc, instance string

	cmd *exec.Cmd
	log *logWatch
	end chan struct{} // closed when it has ended
	err error         // what it ended with, then
}

// program gives a command of a version's program.
func (v version) program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), versionVariable+"="+string(v))
	dieWithParent(cmd)
	return cmd
}

// run runs a command of a version's program to its end.
func (v version) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return output(t, v.program(t, args...))
}

func output(t *testing.T, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	_ = cmd.Wait() // its exit code says it
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// start starts a process of a version on a data folder, and returns when it is ready. It is
// killed at the test's end if it still runs.
func (v version) start(t *testing.T, data string, flags ...string) *process {
	t.Helper()
	p := &process{version: v, log: &logWatch{ready: make(chan logLine, 1)}, end: make(chan struct{})}
	p.cmd = v.program(t, append([]string{"serve", "--log", "json", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0",
		"--data", data, "--seed", "none"}, flags...)...)
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.end)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.end
	})
	select {
	case at := <-p.log.ready:
		p.http, p.grpc, p.instance = at.HTTP, at.GRPC, at.Instance
	case <-p.end:
		t.Fatalf("the %s version ended before it was ready: %v\n%s", v, p.err, p.log)
	case <-time.After(patience):
		t.Fatalf("the %s version is not ready\n%s", v, p.log)
	}
	return p
}

// terminate asks the process to end, as a deployment does.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("SIGTERM: %v\n%s", err, p.log)
	}
}

// wantEnd waits until the process has ended as it should.
func (p *process) wantEnd(t *testing.T) {
	t.Helper()
	select {
	case <-p.end:
	case <-time.After(patience):
		t.Fatalf("a process of the %s version does not end\n%s", p.version, p.log)
	}
	if p.err != nil {
		t.Errorf("a process of the %s version ended with %v\n%s", p.version, p.err, p.log)
	}
}

// stop ends the process in order.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.terminate(t)
	p.wantEnd(t)
}

// A logLine is a line of a process's log.
type logLine struct {
	Level    string `json:"level"`
	Msg      string `json:"msg"`
	Error    string `json:"error"`
	HTTP     string `json:"http"`
	GRPC     string `json:"grpc"`
	Instance string `json:"instance"`
}

// logWatch keeps what a process logs, and tells when that says that it is ready.
type logWatch struct {
	ready chan logLine

	mu    sync.Mutex
	said  bytes.Buffer
	part  []byte // of a line that is not whole yet
	lines []logLine
}

func (w *logWatch) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said.Write(b)
	w.part = append(w.part, b...)
	for {
		text, rest, ok := bytes.Cut(w.part, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		w.part = rest
		var line logLine
		if json.Unmarshal(text, &line) != nil {
			line.Level, line.Msg = "ERROR", string(text) // as a panic's
		}
		w.lines = append(w.lines, line)
		if line.Msg == "ready" {
			w.ready <- line
		}
	}
}

func (w *logWatch) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.String()
}

// complaints gives the lines that an operator would look into.
func (w *logWatch) complaints() []logLine {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []logLine
	for _, l := range w.lines {
		if l.Level != "INFO" {
			list = append(list, l)
		}
	}
	return list
}

// patience is how long anything may take that must happen.
const patience = 20 * time.Second

// waitFor waits for a condition.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.After(patience)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-limit:
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// shared gives a data folder whose path is short enough for sockets.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sb") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
