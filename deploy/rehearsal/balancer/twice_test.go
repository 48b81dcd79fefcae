package balancer

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A moment is when a target closes the connection.
type moment struct {
	name string
	// respond handles the request number n of a connection, of which the first line has
	// been read, and tells whether the connection is kept.
	respond func(conn net.Conn, r *bufio.Reader, first string, n int) bool
	// answered tells whether a client can have got all of its answer.
	answered bool
	// races tells that a request may meet a connection that is just being closed, so that
	// it does not arrive at all.
	races bool
}

const whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// after is a moment after the request and some bytes of the answer.
func after(name, answer string) moment {
	return moment{name, func(conn net.Conn, r *bufio.Reader, first string, _ int) bool {
		readRequest(r, first)
		_, _ = io.WriteString(conn, answer)
		return false
	}, answer == whole, answer == whole}
}

// second is a moment in the second request of a connection.
func second(m moment) moment {
	return moment{m.name + ", in a second request", func(conn net.Conn, r *bufio.Reader, first string, n int) bool {
		if n > 1 {
			return m.respond(conn, r, first, n)
		}
		readRequest(r, first)
		_, _ = io.WriteString(conn, whole)
		return true
	}, true, false}
}

func moments() []moment {
	beforeHead := moment{"in the head", func(net.Conn, *bufio.Reader, string, int) bool { return false }, false, false}
	reset := moment{"by a reset", func(conn net.Conn, r *bufio.Reader, first string, _ int) bool {
		readRequest(r, first)
		_ = conn.(*net.TCPConn).SetLinger(0)
		return false
	}, false, false}
	unanswered := after("after the request", "")
	return []moment{
		beforeHead, reset, unanswered, second(beforeHead), second(reset), second(unanswered),
		{"between head and body", func(_ net.Conn, r *bufio.Reader, first string, _ int) bool {
			readHead(r, first)
			return false
		}, false, false},
		{"by a reset in an answer without a length", func(conn net.Conn, r *bufio.Reader, first string, _ int) bool {
			readRequest(r, first)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\no")
			_ = conn.(*net.TCPConn).SetLinger(0)
			return false
		}, false, false},
		after("in the status line", "HTTP/1."),
		after("in the answer's head", "HTTP/1.1 200 OK\r\nContent-Le"),
		after("after the answer's head", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
		after("in the answer's body", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"),
		after("in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\no"),
		after("before the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"),
		after("after information", "HTTP/1.1 103 Early Hints\r\n\r\n"),
		after("with nonsense", "SSH-2.0-x\r\n\r\n"),
		after("after the answer", whole),
	}
}

func readRequest(r *bufio.Reader, first string) {
	head := readHead(r, first)
	if strings.Contains(head, "Content-Length: 4\r\n") {
		_, _ = r.Discard(4)
	}
}

// arrivals counts how often each request came to any target.
type arrivals struct {
	mu   sync.Mutex
	seen map[string]int
}

// target is one that closes connections at a moment.
func (a *arrivals) target(t *testing.T, m moment) string {
	t.Helper()
	var mu sync.Mutex
	requests := map[net.Conn]int{}
	return script(t, func(conn net.Conn, r *bufio.Reader, first string) bool {
		a.mu.Lock()
		a.seen[strings.Fields(first)[1]]++
		a.mu.Unlock()
		mu.Lock()
		requests[conn]++
		n := requests[conn]
		mu.Unlock()
		return m.respond(conn, r, first, n)
	})
}

// ask sends 40 requests through front, GET and POST. It gives how many were answered well,
// and what else was answered.
func (a *arrivals) ask(t *testing.T, front string) (answered int, others []reply) {
	t.Helper()
	c := newCaller(t, front)
	for i := range 40 {
		method, body := "GET", ""
		if i%4 >= 2 { // so that each of two targets gets both
			method, body = "POST", "text"
		}
		got, err := c.do(method, fmt.Sprintf("/x%d", i), body)
		switch {
		case err == nil && got.code == 200 && got.body == "ok":
			answered++
		case err == nil:
			others = append(others, got)
		}
	}
	return answered, others
}

// twice gives the requests that arrived more than once.
func (a *arrivals) twice() (all []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for uri, n := range a.seen {
		if n > 1 {
			all = append(all, uri)
		}
	}
	return all
}

func TestNothingIsSentTwice(t *testing.T) {
	for _, m := range moments() {
		t.Run(m.name, func(t *testing.T) {
			a := arrivals{seen: map[string]int{}}
			b := started(t, Start, testSetup(t), Options{})
			register(t, b, "api", a.target(t, m), a.target(t, m))
			answered, others := a.ask(t, b.Addr())
			// An answer that was cut off must not be taken for whole.
			if i := slices.IndexFunc(others, func(r reply) bool { return r.code != 502 }); i >= 0 {
				t.Errorf("%d %q, not 502", others[i].code, others[i].body)
			}
			if twice := a.twice(); len(twice) > 0 {
				t.Errorf("arrived more than once: %v", twice)
			}
			if len(a.seen) != 40 && !m.races {
				t.Errorf("%d of 40 requests arrived", len(a.seen))
			}
			if (answered > 0) != m.answered {
				t.Errorf("%d were answered", answered)
			}
			counts := b.Counts()
			if counts.Requests != 40 || counts.Lost != int64(40-answered) || counts.NoTarget+counts.TimedOut+counts.Malformed > 0 {
				t.Errorf("with %d answered: %+v", answered, counts)
			}
		})
	}
}

// TestHAProxySendsNothingTwice does not look at the answers, which are haproxy's own
// affair: it lets an answer without a length end with the connection, however that ends.
func TestHAProxySendsNothingTwice(t *testing.T) {
	b := started(t, StartHAProxy, testSetup(t), Options{})
	for _, m := range moments() {
		a := arrivals{seen: map[string]int{}}
		targets := []string{a.target(t, m), a.target(t, m)}
		register(t, b, "api", targets...)
		a.ask(t, b.Addr())
		if twice := a.twice(); len(twice) > 0 || len(a.seen) == 0 {
			t.Errorf("%s: of %d requests arrived more than once: %v", m.name, len(a.seen), twice)
		}
		for _, target := range targets {
			deregister(t, b, target)
		}
	}
}

// TestTransportSendsTwice is the control of the test before: with net/http's Transport
// the same targets do get requests twice.
func TestTransportSendsTwice(t *testing.T) {
	a := arrivals{seen: map[string]int{}}
	for _, m := range moments() {
		target := a.target(t, m)
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: target})
		proxy.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		front := httptest.NewServer(proxy)
		defer front.Close()
		c := newCaller(t, front.Listener.Addr().String())
		for i := range 10 {
			_, _ = c.do("GET", fmt.Sprintf("/%s/%d", url.PathEscape(m.name), i), "")
		}
	}
	if len(a.twice()) == 0 {
		t.Error("no request arrived twice: does the test see it?")
	}
}

// TestNoOtherTargetIsTried lets one of two targets be gone before a health check says so.
func TestNoOtherTargetIsTried(t *testing.T) {
	setup := testSetup(t)
	b, err := Start(t.Context(), setup, Options{}) // at the real interval
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	gone, there := serving(t, "gone"), serving(t, "there")
	register(t, b, "api", addrOf(gone), addrOf(there))
	gone.Close()
	codes := map[int]int{}
	for range 10 {
		got, err := newCaller(t, b.Addr()).do("POST", "/x", "text")
		if err != nil {
			t.Fatal(err)
		}
		codes[got.code]++
	}
	if codes[200] != 5 || codes[502] != 5 {
		t.Errorf("the answers are %v, not half of them 502", codes)
	}
}

// TestIdleConnectionThatWasClosed has the target close each connection once it is idle.
func TestIdleConnectionThatWasClosed(t *testing.T) {
	closed := make(chan struct{}, 1)
	addr := script(t, func(conn net.Conn, r *bufio.Reader, first string) bool {
		readHead(r, first)
		_, _ = io.WriteString(conn, whole)
		_ = conn.Close()
		closed <- struct{}{}
		return false
	})
	b := started(t, Start, testSetup(t), Options{})
	register(t, b, "api", addr)
	c := newCaller(t, b.Addr())
	for range 50 {
		if got, err := c.do("GET", "/x", ""); err != nil || got.code != 200 {
			t.Fatalf("%d %q, %v", got.code, got.body, err)
		}
		<-closed
	}
}
