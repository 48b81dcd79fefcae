package boardtest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An exchange is one REST request and the answer that it must get. All texts may hold
// placeholders.
type exchange struct {
	send   string   // "GET /api/users/1"
	header []string // "Name: value" lines; "-Name" leaves out one that is sent by default
	body   string
	chunks bool // send the body without saying its length

	status int      // of a success, or of a refusal by net/http itself
	answer []string // "Name: value" headers that must be there; "-Name" that must not
	want   string   // the whole body of a success

	reason string   // of a failure; it gives the status
	fields []string // the fields that the failure names
}

// A restCase is a name and exchanges, each after the other.
type restCase struct {
	name  string
	steps []exchange
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	extra  string // bytes that came after the end of the answer
}

// runREST runs the cases at the same time; it returns when all are done.
func runREST(t *testing.T, b *clients, groups map[string][]restCase) {
	t.Helper()
	t.Run("cases", func(t *testing.T) {
		for group, cases := range groups {
			for _, c := range cases {
				t.Run(group+"/"+c.name, func(t *testing.T) {
					t.Parallel()
					v := newVars(t, b)
					for i, x := range c.steps {
						if problems := x.run(t, b, v); len(problems) > 0 {
							t.Fatalf("step %d, %s:\n%s", i+1, clip(x.send), strings.Join(problems, "\n"))
						}
					}
				})
			}
		}
	})
}

// run sends the request and gives all that is wrong with the answer.
func (x exchange) run(t *testing.T, b *clients, v *vars) []string {
	t.Helper()
	got, err := send(t.Context(), b.REST, x.request(v))
	if err != nil {
		return []string{err.Error()}
	}
	method, _, _ := strings.Cut(x.send, " ")
	return x.check(v, method, got)
}

// request gives the bytes to send.
func (x exchange) request(v *vars) []byte {
	body := v.expand(x.body)
	defaults := []string{"Host: board.test", "Connection: close"}
	switch {
	case x.chunks:
		defaults = append(defaults, "Content-Type: application/json", "Transfer-Encoding: chunked")
	case x.body != "":
		defaults = append(defaults, "Content-Type: application/json", "Content-Length: "+strconv.Itoa(len(body)))
	}
	lines := slices.DeleteFunc(defaults, func(line string) bool {
		name, _, _ := strings.Cut(line, ":")
		return slices.ContainsFunc(x.header, func(h string) bool {
			return h == "-"+name || strings.HasPrefix(h, name+":")
		})
	})
	var req bytes.Buffer
	req.WriteString(v.expand(x.send))
	if !strings.Contains(x.send, " HTTP/") {
		req.WriteString(" HTTP/1.1")
	}
	req.WriteString("\r\n")
	for _, line := range append(lines, x.header...) {
		if !strings.HasPrefix(line, "-") {
			req.WriteString(v.expand(line) + "\r\n")
		}
	}
	req.WriteString("\r\n")
	if !x.chunks {
		req.WriteString(body)
		return req.Bytes()
	}
	for chunk := range slices.Chunk([]byte(body), 60_000) {
		fmt.Fprintf(&req, "%x\r\n%s\r\n", len(chunk), chunk)
	}
	req.WriteString("0\r\n\r\n")
	return req.Bytes()
}

// send writes one request to a connection of its own and reads the answer, never trying
// anything again.
func send(ctx context.Context, addr string, request []byte) (*answer, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = conn.Write(request) // a server may refuse a request before its end
	}()
	method, _, _ := strings.Cut(string(request[:min(len(request), 20)]), " ")
	got, err := readAnswer(bufio.NewReader(conn), method)
	_ = conn.Close()
	<-written
	return got, err
}

// readAnswer reads one answer, and what comes after it if the server says that it is the
// last of the connection.
func readAnswer(r *bufio.Reader, method string) (*answer, error) {
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	// Where the end of the connection is the end of the body, a reset is one too: the
	// server need not have read all.
	if err != nil && (res.ContentLength >= 0 || !res.Close) {
		return nil, fmt.Errorf("reading the answer's body: %w", err)
	}
	got := &answer{status: res.StatusCode, header: res.Header, body: string(body)}
	if res.Close {
		extra, _ := io.ReadAll(r)
		got.extra = string(extra)
	}
	return got, nil
}
