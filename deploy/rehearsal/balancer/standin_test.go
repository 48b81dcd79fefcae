package balancer

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFailsOpen(t *testing.T) {
	var events diary
	b := started(t, Start, testSetup(t), Options{OnHealth: events.add})
	first, firstCode := sick(t, "first")
	second, secondCode := sick(t, "second")
	firstCode.Store(http.StatusOK)
	secondCode.Store(http.StatusOK)
	register(t, b, "api", addrOf(first), addrOf(second))
	firstCode.Store(http.StatusInternalServerError)
	await(t, "the first is unhealthy", func() bool { return stateOf(t, b, addrOf(first)) == Unhealthy })
	for range 4 {
		answers(t, b, "/x", "second")
	}
	secondCode.Store(http.StatusInternalServerError)
	await(t, "the second is unhealthy", func() bool { return stateOf(t, b, addrOf(second)) == Unhealthy })
	got := map[string]bool{}
	for range 4 {
		r, err := newCaller(t, b.Addr()).do("GET", "/x", "")
		if err != nil {
			t.Fatal(err)
		}
		got[r.body] = true
	}
	if !got["first "] || !got["second "] {
		t.Errorf("with all unhealthy, requests went to %v", got)
	}
	// A target that has never been well is not among them while it is new.
	third := handling(t, nil)
	blocked, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer blocked.Close()
	if err := b.Register("api", blocked.Addr().String()); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		if r, err := newCaller(t, b.Addr()).do("GET", "/x", ""); err != nil || r.code != http.StatusOK {
			t.Errorf("%v, %v", r, err)
		}
	}
	// One that is well closes it again.
	register2(t, b, addrOf(third))
	want := []State{Initial, Healthy, Unhealthy}
	if got := events.of(addrOf(first)); !slices.Equal(got, want) {
		t.Errorf("the events are %v, not %v", got, want)
	}
	if ready := *b.groups["api"].ready.Load(); len(ready) != 1 {
		t.Errorf("%d targets get requests", len(ready))
	}
}

// script is a target that answers with bytes of the test's choice; a health check gets
// a good one. respond gets the head of the request and tells whether the connection is
// kept.
func script(t *testing.T, respond func(conn net.Conn, r *bufio.Reader, head string) bool) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for {
					first, err := r.ReadString('\n')
					if err != nil {
						return
					}
					if strings.HasPrefix(first, "GET / ") {
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
						return
					}
					if !respond(conn, r, first) {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// readHead reads the rest of a head.
func readHead(r *bufio.Reader, first string) string {
	head := first
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := r.ReadString('\n')
		if err != nil {
			return head
		}
		head += line
	}
	return head
}

func TestPassesOn(t *testing.T) {
	large := strings.Repeat("0123456789", 30_000)
	for _, test := range []struct {
		name, method, request string // without the method
		wantAtTarget          string
		answer                string
		wantCode              int
		wantBody              string
		wantHeader            string
	}{
		{
			"headers", "GET", "/x?a=b%20c HTTP/1.1\r\nHost: board\r\nIf-None-Match: \"1\"\r\nConnection: x-mine, keep-alive\r\nX-Mine: 1\r\nKeep-Alive: 1\r\nTE: trailers\r\nx-forwarded-proto: https\r\n\r\n",
			"GET /x?a=b%20c HTTP/1.1\r\nHost: board\r\nIf-None-Match: \"1\"\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\n",
			"HTTP/1.1 200 OK\r\nETag: \"2\"\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok", 200, "ok", "Etag: \"2\"",
		},
		{
			"HEAD", "HEAD", "/x HTTP/1.1\r\nHost: board\r\n\r\n", "",
			"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 200, "", "Content-Length: 1000",
		},
		{"304", "GET", "/x HTTP/1.1\r\n\r\n", "", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, "", ""},
		{"204", "GET", "/x HTTP/1.1\r\n\r\n", "", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", ""},
		{"chunks", "GET", "/x HTTP/1.1\r\n\r\n", "", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n", 200, "abcde", ""},
		{"until the end", "GET", "/x HTTP/1.1\r\n\r\n", "", "HTTP/1.1 200 OK\r\n\r\nall of it", 200, "all of it", ""},
		{"information first", "GET", "/x HTTP/1.1\r\n\r\n", "", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", ""},
		{"a large answer", "GET", "/x HTTP/1.1\r\n\r\n", "", "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + large, 200, large, ""},
		{
			"a body", "POST", "/x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
			"POST /x HTTP/1.1\r\nContent-Length: 5\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\nhello",
			"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201, "", "",
		},
		{
			"a body in chunks", "POST", "/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201, "", "",
		},
		{
			"a large body", "POST", "/x HTTP/1.1\r\nContent-Length: 300000\r\n\r\n" + large,
			"POST /x HTTP/1.1\r\nContent-Length: 300000\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\n" + large,
			"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201, "", "",
		},
		{"an early answer", "POST", "/x HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n" + strings.Repeat(large, 30), "", "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!", 413, "no!", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			arrived := make(chan string, 1)
			addr := script(t, func(conn net.Conn, r *bufio.Reader, first string) bool {
				got := readHead(r, first)
				body := make([]byte, max(0, len(test.wantAtTarget)-len(got)))
				_, _ = io.ReadFull(r, body)
				arrived <- got + string(body)
				_, _ = io.WriteString(conn, test.answer)
				return false
			})
			b := started(t, Start, testSetup(t), Options{})
			register(t, b, "api", addr)
			got, err := newCaller(t, b.Addr()).send(test.method, test.method+" "+test.request)
			if err != nil || got.code != test.wantCode || got.body != test.wantBody {
				t.Errorf("the client got %d %.100q, %v", got.code, got.body, err)
			}
			if name, value, ok := strings.Cut(test.wantHeader, ": "); ok && got.header.Get(name) != value {
				t.Errorf("the client got %v", got.header)
			}
			if got.header.Get("Keep-Alive") != "" {
				t.Error("a header of the target's connection was passed on")
			}
			if atTarget := <-arrived; test.wantAtTarget != "" && atTarget != test.wantAtTarget {
				t.Errorf("the target got %.300q", atTarget)
			}
		})
	}
}

// TestTargetGoneBeforeTheBody has a client that will not send the rest of its body
// before it has an answer.
func TestTargetGoneBeforeTheBody(t *testing.T) {
	b := started(t, Start, testSetup(t), Options{})
	register(t, b, "api", script(t, func(_ net.Conn, r *bufio.Reader, first string) bool {
		readHead(r, first)
		return false
	}))
	got, err := newCaller(t, b.Addr()).send("POST", "POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell")
	if err != nil || got.code != http.StatusBadGateway {
		t.Errorf("%d %q, %v", got.code, got.body, err)
	}
}

func TestExpectContinue(t *testing.T) {
	b := started(t, Start, testSetup(t), Options{})
	register(t, b, "api", addrOf(serving(t, "a")))
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = r.ReadString('\n')
	fmt.Fprint(conn, "hello")
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "a POST /x hello" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestRefusesMalformed(t *testing.T) {
	b := started(t, Start, testSetup(t), Options{})
	register(t, b, "api", addrOf(serving(t, "a")))
	long := strings.Repeat("x", 20<<10)
	for name, request := range map[string]string{
		"no HTTP":            "hello\r\n\r\n",
		"HTTP/1.0":           "GET /x HTTP/1.0\r\n\r\n",
		"spaces":             "GET  /x HTTP/1.1\r\n\r\n",
		"bare line feeds":    "GET /x HTTP/1.1\nHost: a\n\n",
		"both lengths":       "POST /x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"two lengths":        "POST /x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		"a signed length":    "POST /x HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
		"an unknown coding":  "POST /x HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"a space in a name":  "GET /x HTTP/1.1\r\nHost : a\r\n\r\n",
		"a folded field":     "GET /x HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
		"an empty line":      "\r\nGET /x HTTP/1.1\r\n\r\n",
		"a long field":       "GET /x HTTP/1.1\r\nA: " + long + "\r\n\r\n",
		"a long header":      "GET /x HTTP/1.1\r\n" + strings.Repeat("A: "+long[:10_000]+"\r\n", 7) + "\r\n",
		"an odd expectation": "GET /x HTTP/1.1\r\nExpect: more\r\n\r\n",
	} {
		if got, err := newCaller(t, b.Addr()).send("GET", request); err != nil || got.code != http.StatusBadRequest {
			t.Errorf("%s: %d %q, %v", name, got.code, got.body, err)
		}
	}
	if got := b.Counts(); got.Requests != 0 || got.Malformed != 14 {
		t.Errorf("counted: %+v", got)
	}
}

func TestTargetTakesTooLong(t *testing.T) {
	setup := testSetup(t)
	setup.IdleTimeout = 100 * time.Millisecond
	b := started(t, Start, setup, Options{})
	slow, _, _ := held(t)
	register(t, b, "api", addrOf(slow))
	got, err := newCaller(t, b.Addr()).do("GET", "/x", "")
	if err != nil || got.code != http.StatusGatewayTimeout || b.Counts().TimedOut != 1 {
		t.Errorf("%d %q, %v, %+v", got.code, got.body, err, b.Counts())
	}
}

// TestConnectionsAreKept counts a target's connections.
func TestConnectionsAreKept(t *testing.T) {
	for _, test := range []struct {
		name, field string
		want        int
	}{{"kept", "", 1}, {"closed by the target", "Connection: close\r\n", 5}} {
		t.Run(test.name, func(t *testing.T) {
			conns := map[net.Conn]bool{}
			addr := script(t, func(conn net.Conn, r *bufio.Reader, first string) bool {
				readHead(r, first)
				conns[conn] = true // one request after another
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+test.field+"Content-Length: 2\r\n\r\nok")
				return true // even where it said that it would not be
			})
			b := started(t, Start, testSetup(t), Options{})
			register(t, b, "api", addr)
			c := newCaller(t, b.Addr())
			for range 5 {
				if got, err := c.do("GET", "/x", ""); err != nil || got.code != http.StatusOK || c.conn == nil {
					t.Errorf("%d, %v, or the client's connection was closed", got.code, err)
				}
			}
			if len(conns) != test.want {
				t.Errorf("5 requests took %d connections, not %d", len(conns), test.want)
			}
		})
	}
}
