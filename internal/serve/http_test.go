package serve

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/internal/observe"
)

func TestPanicInFace(t *testing.T) {
	r := start(t, nil)
	resp, body := ask(t, "GET", "http://"+r.HTTPAddr()+"/panic", nil)
	var st struct {
		Code    int `json:"code"`
		Details []struct {
			Reason string `json:"reason"`
		} `json:"details"`
	}
	if err := json.Unmarshal([]byte(body), &st); err != nil || resp.StatusCode != http.StatusInternalServerError || resp.Header.Get("ETag") != "" ||
		resp.Header.Get("Content-Type") != "application/json; charset=utf-8" ||
		st.Code != 13 || len(st.Details) != 1 || st.Details[0].Reason != "INTERNAL" || strings.Contains(body, "secret") {
		t.Errorf("%d %v %s: %v", resp.StatusCode, resp.Header, body, err)
	}
	id := resp.Header.Get("X-Request-ID")
	if got := r.log.String(); !strings.Contains(got, "a secret in a panic") || !strings.Contains(got, "request_id="+id) {
		t.Errorf("logged %s", got)
	}

	if _, _, err := try(t.Context(), "GET", "http://"+r.HTTPAddr()+"/panic-late", nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an answer that had begun ends with %v", err)
	}
	if resp, _ := ask(t, "GET", "http://"+r.HTTPAddr()+"/", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("after the panics: %d", resp.StatusCode)
	}
	if err := r.stopAfter(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if got := r.access.String(); strings.Count(got, "path=/panic status=500") != 1 || strings.Count(got, "path=/panic-late status=200") != 1 {
		t.Errorf("access log:\n%s", got)
	}
}

func TestRequestIDFromEndToEnd(t *testing.T) {
	r := start(t, nil)
	resp, body := ask(t, "GET", "http://"+r.HTTPAddr()+"/api/users/1", nil)
	if resp.Header.Get("X-Request-ID") != testRequestID || !strings.HasPrefix(body, testRequestID+" ") {
		t.Errorf("the answer has %q, the service saw %q", resp.Header.Get("X-Request-ID"), body)
	}
}

func TestHeaderLimit(t *testing.T) {
	r := start(t, nil)
	for size, want := range map[int]int{maxHeader - 512: 200, maxHeader + 512: 431} {
		conn, err := net.Dial("tcp", r.HTTPAddr())
		if err != nil {
			t.Fatal(err)
		}
		head := "GET / HTTP/1.1\r\nHost: x\r\nX: "
		// The server may close before it has read everything.
		_, _ = fmt.Fprintf(conn, "%s%s\r\n\r\n", head, strings.Repeat("x", size-len(head)-4))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("a header of %d bytes: %v", size, err)
		}
		if resp.StatusCode != want {
			t.Errorf("a header of %d bytes: %d, want %d", size, resp.StatusCode, want)
		}
		_ = resp.Body.Close()
		_ = conn.Close()
	}
}

// The limits are what stands in the code; here they are short, to see that they work.
func TestSlowClients(t *testing.T) {
	access := observe.NewAccessLog(io.Discard, observe.Text, nil)
	defer access.Close()
	s := newRESTServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, "slow", http.StatusRequestTimeout)
		}
	}), access, slog.New(slog.DiscardHandler), func() bool { return false })
	if s.server.ReadHeaderTimeout != readHeaderTimeout || s.server.ReadTimeout != readTimeout ||
		s.server.WriteTimeout != writeTimeout || s.server.IdleTimeout != idleTimeout || idleTimeout <= time.Minute {
		t.Errorf("timeouts: %v, %v, %v, %v", s.server.ReadHeaderTimeout, s.server.ReadTimeout, s.server.WriteTimeout, s.server.IdleTimeout)
	}
	const short = 100 * time.Millisecond
	s.server.ReadHeaderTimeout, s.server.ReadTimeout, s.server.IdleTimeout = short, 2*short, short
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.serve(ln) //nolint:errcheck // ends with the test
	defer func() {
		if err := s.stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	for name, sent := range map[string]string{
		"nothing":         "",
		"half a header":   "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"half a body":     "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
		"idle afterwards": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, sent); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is still open after 5 s")
			}
		})
	}
}

func TestConnectionLimit(t *testing.T) {
	r := start(t, nil)
	conns := make([]net.Conn, 0, maxHTTPConns)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for range maxHTTPConns {
		c, err := net.Dial("tcp", r.HTTPAddr())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	// One more is not answered until another goes.
	extra, err := net.Dial("tcp", r.HTTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	if _, err := io.WriteString(extra, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() {
		resp, err := http.ReadResponse(bufio.NewReader(extra), nil)
		if err == nil {
			err = resp.Body.Close()
		}
		answer <- err
	}()
	select {
	case err := <-answer:
		t.Fatalf("one more than the limit is answered: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if err := conns[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Errorf("after one has gone: %v", err)
	}
}
