package boardtest

import (
	"bufio"
	"bytes"
	"net"
	"strings"
	"testing"
	"time"
)

// headerCases are about headers that every path reads.
func headerCases() []restCase {
	return []restCase{
		{"a request id", []exchange{{send: "GET /api/users/1", header: []string{"X-Request-Id: r-{uniq}"}, status: 200, answer: []string{"X-Request-Id: r-{uniq}"}, want: user1}}},
		{"a request id on a failure", []exchange{{send: "GET /nothing", header: []string{"X-Request-Id: r-{uniq}"}, reason: "PATH_NOT_FOUND", answer: []string{"X-Request-Id: r-{uniq}"}}}},
		{"the longest request id", []exchange{{send: "GET /", header: []string{"X-Request-Id: " + strings.Repeat("r", 128)}, status: 200, answer: []string{"X-Request-Id: " + strings.Repeat("r", 128)}, want: "{any}"}}},
		{"a request id too long", []exchange{{send: "GET /", header: []string{"X-Request-Id: " + strings.Repeat("r", 129)}, status: 200, answer: []string{"X-Request-Id: {tag}"}, want: "{any}"}}},
		{"an empty request id", []exchange{{send: "GET /", header: []string{"X-Request-Id:"}, status: 200, answer: []string{"X-Request-Id: {any}"}, want: "{any}"}}},
		{"headers of 48 KiB", []exchange{{send: "GET /api/users/1", header: []string{"X-Filler: " + strings.Repeat("x", 48<<10)}, status: 200, want: user1}}},
		{"many headers", []exchange{{send: "GET /api/users/1", header: []string{strings.Repeat("X-Filler: x\r\n", 1000) + "X-Last: x"}, status: 200, want: user1}}},
		{"gRPC's own headers", []exchange{{send: "GET /api/users/1", header: []string{"Grpc-Timeout: 1n", "Grpc-Metadata-Idempotency-Key: a b", "Grpc-Metadata-X: y", "TE: trailers", "Grpc-Encoding: gzip"}, status: 200, answer: []string{"-Trailer"}, want: user1}}},
		{"a range", []exchange{{send: "GET /api/users/1", header: []string{"Range: bytes=0-1"}, status: 200, want: user1}}},
		{"no compression", []exchange{{send: "GET /api/users", header: []string{"Accept-Encoding: gzip"}, status: 200, answer: []string{"-Content-Encoding"}, want: allUsers}}},
		{"no redirect or cookie", []exchange{{send: "GET /api/users/1/", status: 200, answer: []string{"-Location", "-Set-Cookie"}, want: user1}}},
	}
}

// refusedCases are refused by net/http before the board sees them.
func refusedCases() []restCase {
	return []restCase{
		{"headers over 64 KiB", []exchange{{send: "GET /api/users/1", header: []string{"X-Filler: " + strings.Repeat("x", 100<<10)}, status: 431}}},
		{"a URL over 64 KiB", []exchange{{send: "GET /api/users?x=" + strings.Repeat("x", 100<<10), status: 431}}},
		{"no host", []exchange{{send: "GET /api/users/1", header: []string{"-Host"}, status: 400}}},
		{"two hosts", []exchange{{send: "GET /api/users/1", header: []string{"Host: a", "host: b"}, status: 400}}},
		{"a bad escape in the path", []exchange{{send: "GET /api/users/%zz", status: 400}}},
		{"a control character in the path", []exchange{{send: "GET /api/users/\x01", status: 400}}},
		{"another protocol", []exchange{{send: "GET /api/users/1 HTTP/3.7", status: 505}}},
		{"a space in a header's name", []exchange{{send: "GET /api/users/1", header: []string{"X Filler: x"}, status: 400}}},
		{"a control character in a header", []exchange{{send: "GET /api/users/1", header: []string{"X-Filler: a\x01"}, status: 400}}},
		{"two lengths", []exchange{{send: "POST /api/users", header: []string{"Content-Length: 1", "content-length: 2"}, body: "{}", status: 400}}},
		{"a negative length", []exchange{{send: "POST /api/users", header: []string{"Content-Length: -1"}, body: "{}", status: 400}}},
		{"an unknown transfer encoding", []exchange{{send: "POST /api/users", header: []string{"Transfer-Encoding: gzip"}, body: "{}", status: 501}}},
	}
}

// runConnection sends several requests over one connection, the second before the
// first is answered.
func runConnection(t *testing.T, b *clients) {
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", b.REST)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		t.Fatal(err)
	}
	v := newVars(t, b)
	keep := []string{"-Connection"}
	exchanges := []exchange{
		{send: "GET /api/users/1", header: keep, status: 200, want: user1},
		{send: "HEAD /api/users/2", header: keep, status: 200},
		{send: "GET /api/users/99", header: keep, reason: "USER_NOT_FOUND"},
		{send: "POST /api/users", header: keep, body: `{"hat":1}`, reason: "INVALID_BODY", fields: []string{"hat"}},
		{send: "OPTIONS /api/users", header: keep, status: 204},
		{send: "GET /api/users/3", header: []string{"Connection: close"}, status: 200, want: user3},
	}
	var requests bytes.Buffer
	for _, x := range exchanges {
		requests.Write(x.request(v))
	}
	if _, err := conn.Write(requests.Bytes()); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for _, x := range exchanges {
		method, _, _ := strings.Cut(x.send, " ")
		got, err := readAnswer(r, method)
		if err != nil {
			t.Fatalf("%s: %v", x.send, err)
		}
		if problems := x.check(v, method, got); len(problems) > 0 {
			t.Errorf("%s:\n%s", x.send, strings.Join(problems, "\n"))
		}
	}
}
