package durability

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programs are built once, by what asks for them first, into a folder that TestMain
// removes.
var programs struct {
	once sync.Once
	dir  string
	err  error
}

// program gives the path of one of the board's programs.
func program(t *testing.T, name string) string {
	t.Helper()
	programs.once.Do(func() {
		//nolint:usetesting // they outlive the test that asks first
		if programs.dir, programs.err = os.MkdirTemp("", "splitboard-durability-"); programs.err != nil {
			return
		}
		const module = "github.com/splitboard/splitboard/"
		build := exec.Command("go", "build", "-o", programs.dir+string(filepath.Separator),
			module+"monolith", module+"edge/cmd/edge",
			module+"services/users/cmd/users", module+"services/threads/cmd/threads", module+"services/posts/cmd/posts")
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		programs.err = build.Run()
	})
	if programs.err != nil {
		t.Fatalf("building the programs: %v", programs.err)
	}
	return filepath.Join(programs.dir, name)
}

// A process is a program that can be killed and started again at the same addresses.
type process struct {
	path string
	args []string // but for the addresses to listen on
	env  []string // beside the test's own

	http, grpc string // its addresses, once it has been started

	cmd  *exec.Cmd
	log  *logWatch
	done chan error // what the program ended with
}

// start runs the program until it is ready. It is killed at the test's end if it still
// runs.
func (p *process) start(t *testing.T) {
	t.Helper()
	if p.http == "" {
		p.http, p.grpc = "127.0.0.1:0", "127.0.0.1:0"
		t.Cleanup(func() { p.kill(t) })
	}
	args := append([]string{"serve", "--log", "json", "--http", p.http}, p.args...)
	if filepath.Base(p.path) != "edge" {
		args = append(args, "--grpc", p.grpc)
	}
	p.cmd = exec.Command(p.path, args...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.log = &logWatch{ready: make(chan addresses, 1)}
	p.cmd.Stderr = p.log
	dieWithParent(p.cmd)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.done = make(chan error, 1)
	go func() { p.done <- p.cmd.Wait() }()
	select {
	case at := <-p.log.ready:
		p.http, p.grpc = at.HTTP, at.GRPC
	case err := <-p.done:
		p.cmd = nil
		t.Fatalf("%s ended before it was ready: %v\n%s", p.path, err, p.log)
	case <-time.After(20 * time.Second):
		t.Fatalf("%s is not ready after 20 s\n%s", p.path, p.log)
	}
}

// kill ends the process without a word to it, and returns when it is gone.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if p.cmd == nil {
		return
	}
	p.signal(t, syscall.SIGKILL)
	<-p.done
	p.cmd = nil
}

// halt stops the process as it stands, and returns when none of its threads runs.
func (p *process) halt(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGSTOP)
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(p.cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("halting %s: %v, %#x", p.path, err, status)
	}
}

func (p *process) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Errorf("%v to %s: %v\n%s", sig, p.path, err, p.log)
	}
}

// addresses is what a program says when it is ready.
type addresses struct {
	Msg  string `json:"msg"`
	HTTP string `json:"http"`
	GRPC string `json:"grpc"`
}

// logWatch keeps what a program logs, and tells when that says that it is ready.
type logWatch struct {
	ready chan addresses

	mu   sync.Mutex
	said bytes.Buffer
	line []byte // that is not whole yet
}

func (w *logWatch) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said.Write(b)
	w.line = append(w.line, b...)
	for {
		line, rest, ok := bytes.Cut(w.line, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		w.line = rest
		var at addresses
		if json.Unmarshal(line, &at) == nil && at.Msg == "ready" {
			w.ready <- at
		}
	}
}

func (w *logWatch) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.String()
}
