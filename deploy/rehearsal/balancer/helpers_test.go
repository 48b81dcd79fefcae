package balancer

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var needHAProxy = flag.Bool("haproxy", false, "fail, rather than skip, where haproxy is not installed")

const ecs = "../../ecs"

// scale makes a health check's interval 20 ms.
const scale = 300

func testSetup(tb testing.TB) *Setup {
	tb.Helper()
	setup, err := Load(ecs)
	if err != nil {
		tb.Fatal(err)
	}
	return setup
}

// started is a balancer that is closed when the test ends.
func started[B Balancer](tb testing.TB, start func(context.Context, *Setup, Options) (B, error), setup *Setup, options Options) B {
	tb.Helper()
	options.HealthScale = scale
	b, err := start(tb.Context(), setup, options)
	if errors.Is(err, ErrNoHAProxy) && !*needHAProxy {
		tb.Skipf("SKIPPED, NOT TESTED: %v (-haproxy makes this a failure)", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}

// eachBalancer runs a test with the stand-in and with haproxy.
func eachBalancer(t *testing.T, test func(t *testing.T, start func(*Setup, Options) Balancer)) {
	t.Helper()
	t.Run("stand-in", func(t *testing.T) {
		test(t, func(setup *Setup, options Options) Balancer { return started(t, Start, setup, options) })
	})
	t.Run("haproxy", func(t *testing.T) {
		test(t, func(setup *Setup, options Options) Balancer { return started(t, StartHAProxy, setup, options) })
	})
}

// serving is a target that is well and answers with what it is called and what it got.
func serving(tb testing.TB, name string) *httptest.Server {
	tb.Helper()
	return handling(tb, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			tb.Errorf("the body that %s got: %v", name, err)
		}
		w.Header().Set("X-Target", name)
		_, _ = io.WriteString(w, name+" "+r.Method+" "+r.RequestURI+" "+string(body))
	})
}

// handling is a target that is well; handler answers what is no health check.
func handling(tb testing.TB, handler http.HandlerFunc) *httptest.Server {
	tb.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			handler(w, r)
		}
	}))
	tb.Cleanup(s.Close)
	return s
}

func addrOf(s *httptest.Server) string { return s.Listener.Addr().String() }

// register registers targets and waits until all of the group are healthy.
func register(tb testing.TB, b Balancer, group string, addrs ...string) {
	tb.Helper()
	for _, addr := range addrs {
		if err := b.Register(group, addr); err != nil {
			tb.Fatal(err)
		}
	}
	if err := WaitHealthy(within(tb), b, group); err != nil {
		tb.Fatal(err)
	}
}

// deregister deregisters a target of the group api and waits until it is gone.
func deregister(tb testing.TB, b Balancer, addr string) {
	tb.Helper()
	if err := b.Deregister("api", addr); err != nil {
		tb.Fatal(err)
	}
	if err := WaitGone(within(tb), b, "api", addr); err != nil {
		tb.Fatal(err)
	}
}

// within gives what a test waits for 10 s.
func within(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 10*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

// await asks until what is asked is so.
func await(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	ctx := within(tb)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tb.Fatalf("never: %s", what)
		}
	}
}

// stateOf gives the state of a target of the group api, or "" if it is not there.
func stateOf(tb testing.TB, b Balancer, addr string) State {
	tb.Helper()
	targets, err := b.TargetHealth("api")
	if err != nil {
		tb.Fatal(err)
	}
	for _, target := range targets {
		if target.Target == addr {
			return target.State
		}
	}
	return ""
}

// A caller is a client that keeps one connection and sends nothing twice.
type caller struct {
	addr string
	conn net.Conn
	r    *bufio.Reader
}

type reply struct {
	code   int
	header http.Header
	body   string
}

func newCaller(tb testing.TB, addr string) *caller {
	tb.Helper()
	c := &caller{addr: addr}
	tb.Cleanup(c.hangUp)
	return c
}

func (c *caller) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// do sends one request and reads its answer.
func (c *caller) do(method, uri, body string) (reply, error) {
	request := method + " " + uri + " HTTP/1.1\r\nHost: board\r\n"
	if body != "" {
		request += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	return c.send(method, request+"\r\n"+body)
}

// send sends the bytes of a request.
func (c *caller) send(method, request string) (got reply, err error) {
	defer func() {
		if err != nil {
			c.hangUp()
		}
	}()
	if c.conn == nil {
		if c.conn, err = net.Dial("tcp", c.addr); err != nil {
			return got, err
		}
		c.r = bufio.NewReader(c.conn)
	}
	if err := c.conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return got, err
	}
	if _, err := io.WriteString(c.conn, request); err != nil {
		return got, err
	}
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		return got, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if res.Close {
		c.hangUp()
	}
	return reply{res.StatusCode, res.Header, string(text)}, err
}

// answers tells whether a GET of a path is answered by the target of that name.
func answers(tb testing.TB, b Balancer, path, name string) {
	tb.Helper()
	got, err := newCaller(tb, b.Addr()).do("GET", path, "")
	if err != nil || got.code != http.StatusOK || !strings.HasPrefix(got.body, name+" ") {
		tb.Errorf("GET %s: %d %q, %v; want an answer of %s", path, got.code, got.body, err, name)
	}
}

// answersNoTarget tells whether a GET of a path is answered by the balancer.
func answersNoTarget(tb testing.TB, b Balancer, path, value string) {
	tb.Helper()
	got, err := newCaller(tb, b.Addr()).do("GET", path, "")
	if err != nil || got.code != http.StatusServiceUnavailable || got.header.Get(HeaderNoTarget) != value {
		tb.Errorf("GET %s: %d %v, %v; want 503 with %s: %s", path, got.code, got.header, err, HeaderNoTarget, value)
	}
}

// A diary keeps the health events.
type diary struct {
	mu     sync.Mutex
	events []HealthEvent
}

func (d *diary) add(e HealthEvent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

// of gives the states that a target went through.
func (d *diary) of(target string) []State {
	d.mu.Lock()
	defer d.mu.Unlock()
	var states []State
	for _, e := range d.events {
		if e.Target == target {
			states = append(states, e.To)
		}
	}
	return states
}
