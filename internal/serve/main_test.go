package serve

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be a program of its own.
func TestMain(m *testing.M) {
	if os.Getenv("SERVE_TEST_MAIN") != "" {
		Main(fakeBinary(nil))
	}
	os.Exit(m.Run())
}

// program is the fake as a program.
type program struct {
	*exec.Cmd
	http, grpc string
	data       string
	log        *syncBuffer // both of its outputs
	logged     chan struct{}
}

var readyLine = regexp.MustCompile(`msg=ready http=(\S+) grpc=(\S+)`)

// launch runs the fake as a program until it is ready.
func launch(t *testing.T, args ...string) *program {
	t.Helper()
	return launchOn(t, t.TempDir(), args...)
}

// launchOn is launch on a data folder that another may have.
func launchOn(t *testing.T, data string, args ...string) *program {
	t.Helper()
	p := &program{data: data, log: new(syncBuffer), logged: make(chan struct{})}
	p.Cmd = exec.Command(os.Args[0], append([]string{
		"--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--data", p.data, "--seed", "none",
	}, args...)...)
	p.Env = append(os.Environ(), "SERVE_TEST_MAIN=1")
	p.Stdout = p.log
	out, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	ready := make(chan []string, 1)
	go func() {
		defer close(p.logged)
		defer close(ready)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			fmt.Fprintln(p.log, lines.Text())
			if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
				ready <- m
			}
		}
	}()
	m, ok := <-ready
	if !ok {
		t.Fatalf("it does not start:\n%s", p.log)
	}
	p.http, p.grpc = m[1], m[2]
	return p
}

// exit waits for the program's end and gives its exit code.
func (p *program) exit(t *testing.T) int {
	t.Helper()
	<-p.logged
	err := p.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return p.ProcessState.ExitCode()
}

func (p *program) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func TestInterruptEndsPromptly(t *testing.T) {
	p := launch(t, "--drain", "1h")
	ask(t, "POST", "http://"+p.http+"/api/users", strings.NewReader("x"))
	start := time.Now()
	p.signal(t, syscall.SIGINT)
	if code := p.exit(t); code != 0 || time.Since(start) > 2*time.Second {
		t.Errorf("exit %d after %v\n%s", code, time.Since(start), p.log)
	}
	if got := p.log.String(); !strings.Contains(got, "msg=stopped") || !strings.Contains(got, "method=POST path=/api/users status=200") {
		t.Errorf("logged\n%s", got)
	}
	if got, want := names(t, p.data), atRest("users"); !slices.Equal(got, want) {
		t.Errorf("the folder has %v, want %v", got, want)
	}
}

func TestSecondSignal(t *testing.T) {
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := launch(t, "--drain", "1h")
		p.signal(t, syscall.SIGTERM)
		waitFor(t, "the drain", func() bool {
			resp, _ := ask(t, "GET", "http://"+p.http+"/", nil)
			return resp.StatusCode == http.StatusServiceUnavailable
		})
		start := time.Now()
		p.signal(t, second)
		if code := p.exit(t); code != exitSignal+int(second) || time.Since(start) > 2*time.Second {
			t.Errorf("%v: exit %d after %v\n%s", second, code, time.Since(start), p.log)
		}
		if got := p.log.String(); !strings.Contains(got, "a second signal") {
			t.Errorf("logged\n%s", got)
		}
	}
}

func TestKilledProgramStartsAgain(t *testing.T) {
	p := launch(t)
	p.signal(t, syscall.SIGKILL)
	p.exit(t)
	again, err := Start(t.Context(), fakeBinary(nil), Config{HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", Data: p.data})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the dead socket to go", func() bool {
		left, _ := filepath.Glob(filepath.Join(p.data, "users", "*.sock"))
		return len(left) == 1
	})
	if err := again.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTuneMemory(t *testing.T) {
	gc, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(gc); debug.SetMemoryLimit(limit) }()
	now := func() (int, int64) {
		gc := debug.SetGCPercent(100)
		debug.SetGCPercent(gc)
		return gc, debug.SetMemoryLimit(-1)
	}
	t.Setenv("GOGC", "100")
	t.Setenv("GOMEMLIMIT", "1GiB")
	tuneMemory()
	if g, l := now(); g != 100 || l != limit {
		t.Errorf("against the environment: GOGC %d, limit %d", g, l)
	}
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	tuneMemory()
	if g, l := now(); g != gcPercent || l != memoryLimit {
		t.Errorf("without the environment: GOGC %d, limit %d", g, l)
	}
}
