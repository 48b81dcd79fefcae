package edge

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	"github.com/splitboard/splitboard/internal/inproc"
)

// exchanged is an answer as it came over a connection.
type exchanged struct {
	code    int
	header  http.Header
	length  int64
	trailer http.Header
	body    string
	closed  bool // by the server, after the answer
}

// exchange sends one request, as it stands, over a connection of its own.
func exchange(t *testing.T, face http.Handler, request string) exchanged {
	t.Helper()
	server := httptest.NewServer(face)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	return receive(t, conn, method)
}

// receive reads the answer to a request of the given method.
func receive(t *testing.T, conn net.Conn, method string) exchanged {
	t.Helper()
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.Close {
		if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("the connection did not end in good order: %v", err)
		}
	}
	return exchanged{answer.StatusCode, answer.Header, answer.ContentLength, answer.Trailer, string(body), answer.Close}
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	t.Parallel()
	board := newFakeBoard()
	// More than net/http would count by itself.
	many := make([]*postsv1.Post, 100)
	for i := range many {
		many[i] = hot
	}
	board.replies[postsv1.PostsService_ListPosts_FullMethodName] = &postsv1.ListPostsResponse{Posts: many, Etag: `W/"1"`}
	for _, path := range []string{"/", "/api", "/api/users", "/api/users/5", "/api/posts", "/api/posts/by-user/5/", "/api/users/0", "/nope"} {
		get := exchange(t, board.face(), "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		head := exchange(t, board.face(), "HEAD "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		get.header.Del("Date")
		head.header.Del("Date")
		if get.body == "" || head.body != "" || head.code != get.code || fmt.Sprint(head.header) != fmt.Sprint(get.header) || head.header.Get("Content-Length") != strconv.Itoa(len(get.body)) {
			t.Errorf("%s: HEAD gave %+v\nGET %+v", path, head, get)
		}
	}
}

func TestWritesOverTheNetworkHaveALength(t *testing.T) {
	t.Parallel()
	board := newFakeBoard()
	long := &postsv1.Post{Text: strings.Repeat("x", 9000), Etag: `"1"`}
	board.replies[postsv1.PostsService_CreatePost_FullMethodName] = &postsv1.CreatePostResponse{Post: long}
	got := exchange(t, board.face(), "POST /api/posts HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nContent-Length: 2\r\n\r\n{}")
	if got.code != http.StatusCreated || got.length != int64(len(got.body)) || got.length < 9000 || got.trailer != nil {
		t.Errorf("got %+v", got)
	}
	got = exchange(t, board.face(), "DELETE /api/posts/7 HTTP/1.1\r\nHost: x\r\n\r\n")
	if got.code != http.StatusNoContent || got.body != "" || got.closed || got.header.Get("Content-Length") != "" {
		t.Errorf("got %+v", got)
	}
}

func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	chunk := strings.Repeat(" ", 1<<16)
	for name, request := range map[string]string{
		"declared":        "POST /api/users HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n" + strings.Repeat(" ", 1048577),
		"not even sent":   "POST /api/users HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n",
		"chunked":         "POST /api/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+chunk+"\r\n", 17) + "0\r\n\r\n",
		"chunked, PATCH":  "PATCH /api/users/5 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+chunk+"\r\n", 17) + "0\r\n\r\n",
		"PATCH, declared": "PATCH /api/users/5 HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n" + strings.Repeat(" ", 1048577),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			board := newFakeBoard()
			got := exchange(t, board.face(), request)
			if got.code != http.StatusRequestEntityTooLarge || !strings.Contains(got.body, "BODY_TOO_LARGE") || !got.closed || len(board.calls) != 0 {
				t.Errorf("got %+v", got)
			}
		})
	}
	// One byte less is not too large, and the connection stays.
	for name, request := range map[string]string{
		"declared": "POST /api/users HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n{}" + strings.Repeat(" ", 1048574),
		"chunked":  "POST /api/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n" + strings.Repeat("ffff\r\n"+chunk[1:]+"\r\n", 16) + "e\r\n" + chunk[:14] + "\r\n0\r\n\r\n",
	} {
		if got := exchange(t, newFakeBoard().face(), request); got.code != http.StatusCreated || got.closed {
			t.Errorf("1 MiB, %s: got %+v", name, got)
		}
	}
}

func TestBodyThatEndsEarly(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newFakeBoard().face())
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "POST /api/users HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, conn, http.MethodPost); got.code != http.StatusBadRequest || !strings.Contains(got.body, "INVALID_BODY") {
		t.Errorf("got %+v", got)
	}
}

// The handler of a client that has gone must end with it.
func TestClientThatGoesAwayEndsItsCall(t *testing.T) {
	t.Parallel()
	arrived, ended := make(chan struct{}), make(chan error, 1)
	conn := inproc.New(func(ctx context.Context, _ any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
		close(arrived)
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	postsv1.RegisterPostsServiceServer(conn, postsv1.UnimplementedPostsServiceServer{})
	server := httptest.NewServer(New(map[string]grpc.ClientConnInterface{posts: conn}, serving))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/posts/1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := server.Client().Do(r); err == nil {
		_ = answer.Body.Close()
		t.Errorf("got %s", answer.Status)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler's context ended with %v", err)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	healths := make(map[string]*health.Server)
	conns := make(map[string]grpc.ClientConnInterface)
	for _, name := range []string{users, threads} {
		conn := inproc.New(nil)
		healths[name] = health.NewServer()
		healthv1.RegisterHealthServer(conn, healths[name])
		conns[name] = conn
	}
	drains := false
	face := Standalone(conns, func() bool { return drains })
	wantAnswer(t, do(face, "GET", "/healthz", ""), 200, `{"status":"SERVING","services":{"threads":"SERVING","users":"SERVING"}}`,
		"Content-Type", jsonType[0], "Content-Length", "71", "Cache-Control", "no-store", "Retry-After", "")
	healths[users].Shutdown()
	wantAnswer(t, do(face, "GET", "/healthz/", ""), 503, `{"status":"NOT_SERVING","services":{"threads":"SERVING","users":"NOT_SERVING"}}`, "Retry-After", "1")
	healths[users].Resume()
	drains = true
	wantAnswer(t, do(face, "GET", "/healthz", ""), 503, `{"status":"NOT_SERVING","services":{"threads":"SERVING","users":"SERVING"}}`)
	drains = false
	conns[users] = inproc.New(nil) // nothing there answers
	wantAnswer(t, do(face, "HEAD", "/healthz", ""), 503, `{"status":"NOT_SERVING","services":{"threads":"SERVING","users":"UNKNOWN"}}`)
	wantReason(t, do(face, "POST", "/healthz", ""), 405, "METHOD_NOT_ALLOWED")
	wantReason(t, do(face, "GET", "/api/posts", ""), 404, "PATH_NOT_FOUND")
}

// A service that hangs is asked beside the others and not waited for without end.
func TestHealthIsBounded(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 2)
	hanging := inproc.New(func(ctx context.Context, _ any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("no deadline")
		}
		asked <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	healthv1.RegisterHealthServer(hanging, health.NewServer())
	face := Standalone(map[string]grpc.ClientConnInterface{users: hanging, posts: hanging}, serving)
	wantAnswer(t, do(face, "GET", "/healthz", ""), 503, `{"status":"NOT_SERVING","services":{"posts":"UNKNOWN","users":"UNKNOWN"}}`)
	if len(asked) != 2 {
		t.Errorf("%d services were asked, want 2", len(asked))
	}
}

func TestRoutesOfTheStandaloneEdge(t *testing.T) {
	t.Parallel()
	face := Standalone(newFakeBoard().conns(), serving)
	wantAnswer(t, do(face, "GET", "/api/users/5", ""), 200, adaJSON)
	wantAnswer(t, do(face, "GET", "/", ""), 200, "Ready to receive requests")
}
