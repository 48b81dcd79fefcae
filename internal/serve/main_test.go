package serve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
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

// load is clients that keep sending until the process is gone.
type load struct {
	wg       sync.WaitGroup
	answered atomic.Int64
	gone     atomic.Int64 // clients that ended because nobody listens
	mu       sync.Mutex
	failures []string
	draining atomic.Bool  // the process says so
	closing  atomic.Int64 // when the listeners may close, in Unix nanoseconds
}

func (l *load) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, fmt.Sprintf(format, args...))
}

// mayClose tells whether the drain is over.
func (l *load) mayClose() bool {
	at := l.closing.Load()
	return at != 0 && time.Now().UnixNano() >= at
}

// http sends request after request, keeping its connection as long as the server does.
// It is no http.Client because that sends a GET again after a lost connection.
func (l *load) http(addr string) {
	var conn net.Conn
	var in *bufio.Reader
	fresh := false
	for i := 0; ; i++ {
		if conn == nil {
			var err error
			if conn, err = net.DialTimeout("tcp", addr, 5*time.Second); err != nil {
				refused := errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
				if refused && l.mayClose() {
					l.gone.Add(1)
					return
				}
				l.fail("connecting: %v", err)
				return
			}
			in, fresh = bufio.NewReader(conn), true
		}
		request := "GET /api/users/1 HTTP/1.1\r\nHost: x\r\n\r\n"
		if i%4 == 3 {
			request = "POST /api/users HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
		}
		draining := l.draining.Load()
		_, err := io.WriteString(conn, request)
		var resp *http.Response
		if err == nil {
			if resp, err = http.ReadResponse(in, nil); err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				err = errors.Join(err, resp.Body.Close())
			}
		}
		if err != nil {
			// A connection that the kernel had taken and the process had not is refused
			// by the closing of its listener.
			if fresh && l.mayClose() {
				l.gone.Add(1)
			} else {
				l.fail("request %d, fresh connection %v: %v", i, fresh, err)
			}
			_ = conn.Close()
			return
		}
		if resp.StatusCode != http.StatusOK {
			l.fail("request %d: %s", i, resp.Status)
		}
		if draining && !resp.Close {
			l.fail("request %d: the connection stays open while the process drains", i)
		}
		l.answered.Add(1)
		fresh = false
		if resp.Close {
			_ = conn.Close()
			conn = nil
		}
	}
}

// grpc sends call after call.
func (l *load) grpc(t *testing.T, addr string) {
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		l.fail("%v", err)
		return
	}
	defer conn.Close()
	c := usersv1.NewUsersServiceClient(conn)
	for i := 0; ; i++ {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		var err error
		if i%4 == 3 {
			_, err = c.CreateUser(ctx, &usersv1.CreateUserRequest{User: &usersv1.User{Bio: "x"}})
		} else {
			_, err = c.GetUser(ctx, &usersv1.GetUserRequest{Id: 1})
		}
		cancel()
		if err != nil {
			if status.Code(err) == codes.Unavailable && strings.Contains(err.Error(), "Error while dialing") && l.mayClose() {
				l.gone.Add(1)
			} else {
				l.fail("call %d: %v", i, err)
			}
			return
		}
		l.answered.Add(1)
	}
}

// A process that is stopped while clients keep sending fails none of their requests; what
// comes after the drain finds nobody listening.
func TestStopUnderLoad(t *testing.T) {
	const drain = time.Second
	p := launch(t, "--drain", drain.String())
	var l load
	const restClients, grpcClients = 16, 4
	for range restClients {
		l.wg.Go(func() { l.http(p.http) })
	}
	for range grpcClients {
		l.wg.Go(func() { l.grpc(t, p.grpc) })
	}
	waitFor(t, "load", func() bool { return l.answered.Load() > 500 })
	l.closing.Store(time.Now().Add(drain).UnixNano())
	before := l.answered.Load()
	p.signal(t, syscall.SIGTERM)
	waitFor(t, "the drain", func() bool {
		resp, _ := ask(t, "GET", "http://"+p.http+"/", nil)
		l.answered.Add(1)
		return resp.StatusCode == http.StatusServiceUnavailable
	})
	l.draining.Store(true)
	if code := p.exit(t); code != 0 {
		t.Errorf("exit %d\n%s", code, p.log)
	}
	l.wg.Wait()
	for _, f := range l.failures {
		t.Error(f)
	}
	if got := l.gone.Load(); got != restClients+grpcClients {
		t.Errorf("%d clients found nobody listening, want %d", got, restClients+grpcClients)
	}
	if l.answered.Load() == before {
		t.Error("nothing was answered during the drain")
	}
	t.Logf("%d answered, %d of them in the drain", l.answered.Load(), l.answered.Load()-before)
	if lines := strings.Count(p.log.String(), "msg=request"); lines != int(l.answered.Load()) {
		t.Errorf("the access log has %d lines for %d answers", lines, l.answered.Load())
	}
	if code, stdout, stderr := runFake(fakeBinary(nil), "check", "--data", p.data); code != 0 {
		t.Errorf("check: exit %d\n%s%s", code, stdout, stderr)
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
