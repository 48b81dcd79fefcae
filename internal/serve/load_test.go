package serve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
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
	t.Run("alone", func(t *testing.T) {
		p := launch(t, "--drain", drain.String())
		stopUnderLoad(t, p)
		if code, stdout, stderr := runFake(fakeBinary(nil), "check", "--data", p.data); code != 0 {
			t.Errorf("check: exit %d\n%s%s", code, stdout, stderr)
		}
	})
	t.Run("beside a candidate", func(t *testing.T) {
		p := launch(t, "--drain", drain.String())
		next := launchOn(t, p.data)
		stopUnderLoad(t, p)
		if resp, body := ask(t, "GET", "http://"+next.http+"/api/users/1", nil); resp.StatusCode != http.StatusOK || !strings.HasSuffix(body, " x") {
			t.Errorf("the candidate answers %d %q", resp.StatusCode, body)
		}
		if got := p.log.String(); !strings.Contains(got, "handed the store over") {
			t.Errorf("it logs\n%s", got)
		}
		next.signal(t, syscall.SIGINT)
		if code := next.exit(t); code != 0 {
			t.Errorf("the candidate: exit %d\n%s", code, next.log)
		}
		if code, stdout, stderr := runFake(fakeBinary(nil), "check", "--data", p.data); code != 0 {
			t.Errorf("check: exit %d\n%s%s", code, stdout, stderr)
		}
	})
}

// drain is that of the processes under load.
const drain = time.Second

func stopUnderLoad(t *testing.T, p *program) {
	t.Helper()
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
}

// When an owner is killed, a candidate takes over, and the requests that it has been
// asked for meanwhile are answered.
func TestKilledOwner(t *testing.T) {
	p := launch(t)
	q := launchOn(t, p.data)
	conn, err := grpc.NewClient(q.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := startAs(t, "front", p.data, neverOwn)
	var l traffic
	l.send(t, conn, r.Conn())
	l.more(t, 100)
	p.signal(t, syscall.SIGKILL)
	p.exit(t)
	l.more(t, 100)
	l.end(t, r)
	if got := q.log.String(); !strings.Contains(got, "owns the store") {
		t.Errorf("the candidate logs\n%s", got)
	}
	waitFor(t, "the dead socket to go", func() bool {
		left, _ := filepath.Glob(filepath.Join(p.data, "users", "*.sock"))
		return len(left) == 2
	})
}
