package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/store"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// atRest is what a service's folder has while nobody serves it.
func atRest(service string) []string {
	return []string{service + "/journal.jsonl", service + "/lock", service + "/store.db"}
}

func TestLife(t *testing.T) {
	data := t.TempDir()
	for epoch := range 2 { // a stopped process leaves everything ready for the next
		r := start(t, func(c *Config) { c.Data = data })
		if _, body := ask(t, "POST", "http://"+r.HTTPAddr()+"/api/users", strings.NewReader("hello")); body != []string{"1", "2"}[epoch] {
			t.Errorf("created %q", body)
		}
		if got := r.log.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "msg=\"owns the store\" service=users epoch="+strconv.Itoa(epoch+1)) || !strings.Contains(got, "msg=ready") ||
			!strings.Contains(got, r.HTTPAddr()) || !strings.Contains(got, r.GRPCAddr()) || !strings.Contains(got, "curl http://"+r.HTTPAddr()+"/api/users") {
			t.Errorf("logged %s", got)
		}
		if got := names(t, data); len(got) != 5 {
			t.Errorf("while it serves the folder has %v", got)
		}
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := r.Wait(); err != nil {
			t.Error(err)
		}
		if got := names(t, data); !slices.Equal(got, atRest("users")) {
			t.Errorf("after the stop the folder has %v", got)
		}
		if got := r.access.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "method=POST path=/api/users status=200") {
			t.Errorf("access log: %s", got)
		}
	}
	if problems, err := store.Check(filepath.Join(data, "users", storeFile), fakeService("users", nil).Schema); err != nil || len(problems) > 0 {
		t.Errorf("check: %v, %v", problems, err)
	}
}

// A reader of the access log that has stopped reading must not hold up the end.
func TestStopWhileLogIsStuck(t *testing.T) {
	stuck, unread := io.Pipe()
	defer stuck.Close()
	var impl *fakeUsers
	p, err := Start(t.Context(), fakeBinary(&impl), Config{HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", Data: t.TempDir(), Access: unread})
	if err != nil {
		t.Fatal(err)
	}
	ask(t, "GET", "http://"+p.HTTPAddr()+"/", nil)
	if err := p.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "stopping log: ") {
		t.Errorf("stop: %v", err)
	}
}

// openFiles counts this process's open files.
func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// waitFor waits for what other goroutines do, without a word of their own.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.After(10 * time.Second)
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-end:
			buf := make([]byte, 1<<16)
			t.Fatalf("waited in vain for %s\n%s", what, buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestStopLeavesNothing(t *testing.T) {
	before, files := runtime.NumGoroutine(), openFiles(t)
	r := start(t, nil)
	ask(t, "POST", "http://"+r.HTTPAddr()+"/api/users", strings.NewReader("x"))
	for _, conn := range faces(t, r) {
		if _, err := usersv1.NewUsersServiceClient(conn).GetUser(t.Context(), &usersv1.GetUserRequest{Id: 1}); err != nil {
			t.Fatal(err)
		}
		if c, ok := conn.(*grpc.ClientConn); ok {
			_ = c.Close()
		}
	}
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
	waitFor(t, "files to be closed", func() bool { return openFiles(t) <= files })
}

// A stream that never ends must not hold up the stop.
func TestHealthWatchSeesTheDrain(t *testing.T) {
	r := start(t, func(c *Config) { c.Drain = time.Hour })
	conn := faces(t, r)["network"]
	watch, err := healthv1.NewHealthClient(conn).Watch(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := watch.Recv(); err != nil || resp.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Fatalf("before: %v, %v", resp, err)
	}
	ctx, cut := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- r.Stop(ctx) }()
	if resp, err := watch.Recv(); err != nil || resp.GetStatus() != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("while it drains: %v, %v", resp, err)
	}
	// In the pause everything is still answered, on connections that end then.
	if resp, _ := ask(t, "GET", "http://"+r.HTTPAddr()+"/", nil); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the health text while it drains: %d", resp.StatusCode)
	}
	if resp, _ := ask(t, "GET", "http://"+r.HTTPAddr()+"/api/users/1", nil); resp.StatusCode != http.StatusOK || !resp.Close {
		t.Errorf("a request while it drains: %d, close %v", resp.StatusCode, resp.Close)
	}
	if _, err := usersv1.NewUsersServiceClient(conn).GetUser(t.Context(), &usersv1.GetUserRequest{Id: 1}); err != nil {
		t.Errorf("an RPC while it drains: %v", err)
	}
	start := time.Now()
	cut()
	if err := <-stopped; err != nil || time.Since(start) > time.Second {
		t.Errorf("stopped after %v: %v", time.Since(start), err)
	}
	if _, err := watch.Recv(); err == nil {
		t.Error("the stream goes on")
	}
}

// Requests in progress are waited for, and those that take too long are broken off
// before the store is closed.
func TestStopWaitsForRequests(t *testing.T) {
	for _, c := range []struct {
		name    string
		release bool
		want    string
	}{{"finishes", true, ""}, {"takes too long", false, "1 requests took too long and were broken off"}} {
		t.Run(c.name, func(t *testing.T) {
			r := &running{log: new(syncBuffer)}
			var err error
			r.Process, err = Start(t.Context(), fakeBinary(&r.users), Config{
				HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", Data: t.TempDir(), Log: observe.NewLogger(r.log, observe.Text),
			})
			if err != nil {
				t.Fatal(err)
			}
			answered := make(chan int, 1)
			go func() {
				resp, _, err := try(t.Context(), "POST", "http://"+r.HTTPAddr()+"/slow", strings.NewReader("unread"))
				if err != nil {
					resp.StatusCode = 0
				}
				answered <- resp.StatusCode
			}()
			<-r.users.running
			stopped := make(chan error, 1)
			go func() { stopped <- r.stopAfter(t.Context(), 0) }()
			waitFor(t, "the listener to close", func() bool {
				conn, err := net.Dial("tcp", r.HTTPAddr())
				if err == nil {
					_ = conn.Close()
				}
				return err != nil
			})
			select {
			case err := <-stopped:
				t.Fatalf("it does not wait: %v", err)
			default:
			}
			if c.release {
				close(r.users.release)
			}
			code, err := <-answered, <-stopped
			if c.want == "" && (err != nil || code != http.StatusOK) {
				t.Errorf("stopped with %v, the request got %d", err, code)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("stopped with %v, want %q", err, c.want)
			}
			if err := r.stores["users"].View(nil); !errors.Is(err, store.ErrClosed) {
				t.Errorf("the store after the stop: %v", err)
			}
		})
	}
}

// A handler that does not even see the end of its context cannot hold the process.
func TestStopWhileACallHangs(t *testing.T) {
	r := &running{log: new(syncBuffer)}
	var err error
	r.Process, err = Start(t.Context(), fakeBinary(&r.users), Config{
		HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", Data: t.TempDir(), Log: observe.NewLogger(r.log, observe.Text),
	})
	if err != nil {
		t.Fatal(err)
	}
	conn := faces(t, r)["network"]
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if _, err := usersv1.NewUsersServiceClient(conn).GetUser(t.Context(), &usersv1.GetUserRequest{Id: deafID}); err == nil {
			t.Error("the call that was broken off has an answer")
		}
	}()
	<-r.users.running
	if err := r.stopAfter(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "some gRPC calls do not end") {
		t.Errorf("stopped with %v", err)
	}
	close(r.users.release)
	<-ended
}

// A listener that breaks is a failure of the process.
func TestListenerBreaks(t *testing.T) {
	r := start(t, nil)
	if err := r.httpListener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err == nil || !strings.HasPrefix(err.Error(), "http: ") {
		t.Errorf("Wait says %v", err)
	}
}

func TestFatal(t *testing.T) {
	exits := make(chan int, 1)
	r := start(t, func(c *Config) { c.Exit = func(code int) { exits <- code } })
	r.fatal("users", errors.New("the sync failed"))
	if code := <-exits; code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	if got := r.log.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "the sync failed") || !strings.Contains(got, "service=users") {
		t.Errorf("logged %s", got)
	}
}

func TestPeers(t *testing.T) {
	svc := func(name string, peers ...string) Service { return Service{Name: name, Peers: peers} }
	for _, c := range []struct {
		name          string
		binary        Binary
		dials, fronts []string
	}{
		{"users", Binary{Services: []Service{svc("users")}}, nil, []string{"users"}},
		{"posts", Binary{Services: []Service{svc("posts", "users", "threads")}}, []string{"users", "threads"}, []string{"posts"}},
		{"monolith", Binary{Services: []Service{svc("users"), svc("threads", "users"), svc("posts", "users", "threads")}}, nil, []string{"users", "threads", "posts"}},
		{"edge", Binary{Upstreams: []string{"users", "threads", "posts"}}, []string{"users", "threads", "posts"}, []string{"users", "threads", "posts"}},
	} {
		if got := c.binary.peers(); !slices.Equal(got, c.dials) {
			t.Errorf("%s dials %v, want %v", c.name, got, c.dials)
		}
		if got := c.binary.fronted(); !slices.Equal(got, c.fronts) {
			t.Errorf("%s fronts %v, want %v", c.name, got, c.fronts)
		}
	}
}

// A process without services has a REST face and nothing else.
func TestEdge(t *testing.T) {
	upstream := start(t, nil)
	edge := Binary{Name: "edge", Upstreams: []string{"users"}, REST: fakeFace}
	access := new(syncBuffer)
	p, err := Start(t.Context(), edge, Config{
		HTTP: "127.0.0.1:0", Peers: map[string]string{"users": upstream.GRPCAddr()}, Access: access,
	})
	if err != nil {
		t.Fatal(err)
	}
	resp, body := ask(t, "GET", "http://"+p.HTTPAddr()+"/api/users/1", nil)
	if id := resp.Header.Get("X-Request-ID"); resp.StatusCode != http.StatusOK || !strings.HasPrefix(body, id+" ") {
		t.Errorf("%d %q; the upstream should see the request id %s", resp.StatusCode, body, id)
	}
	if p.GRPCAddr() != "" {
		t.Errorf("it listens for gRPC at %s", p.GRPCAddr())
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
