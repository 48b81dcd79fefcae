package load

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

func newGRPCFace(t *testing.T, at string) *grpcFace {
	t.Helper()
	f := &grpcFace{entry: func(string) string { return at }, conns: newConns()}
	t.Cleanup(f.conns.close)
	return f
}

// A breakingListener remembers its connections, so that they can be broken.
type breakingListener struct {
	net.Listener

	mu    sync.Mutex
	conns []net.Conn
}

func (l *breakingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
	}
	return c, err
}

func (l *breakingListener) breakAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
}

type breakingPosts struct {
	postsv1.UnimplementedPostsServiceServer

	ln    *breakingListener
	calls atomic.Int32
}

// CreatePost breaks the connection while the call is in progress.
func (p *breakingPosts) CreatePost(ctx context.Context, _ *postsv1.CreatePostRequest) (*postsv1.CreatePostResponse, error) {
	p.calls.Add(1)
	p.ln.breakAll()
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestGRPCSendsOnce breaks connections under calls: they fail, and do not come again.
func TestGRPCSendsOnce(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	breaking := &breakingListener{Listener: ln}
	posts := &breakingPosts{ln: breaking}
	server := grpc.NewServer()
	t.Cleanup(server.Stop)
	postsv1.RegisterPostsServiceServer(server, posts)
	go func() { _ = server.Serve(breaking) }()
	f := newGRPCFace(t, ln.Addr().String())
	for n := range int32(3) {
		a := f.send(&request{kind: CreatePost, content: "a", key: "k"}, f.at(Posts), 10*time.Second)
		if a.code != uint16(codes.Unavailable) {
			t.Errorf("call %d: %+v", n, a)
		}
		if got := posts.calls.Load(); got != n+1 {
			t.Fatalf("call %d came in %d times", n, got-n)
		}
	}
}

// TestGRPCTransparentRetry shows what gRPC sends again by itself: a call that the server
// says it has not begun with, and that once. When its connection then breaks without a
// word, it fails.
func TestGRPCTransparentRetry(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	done := make(chan error, 1)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				done <- nil
				return
			}
			if err := refuseFirst(conn, &calls); err != nil {
				done <- err
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	f := newGRPCFace(t, ln.Addr().String())
	a := f.send(&request{kind: CreatePost, content: "a"}, f.at(Posts), 10*time.Second)
	if a.code != uint16(codes.Unavailable) || calls.Load() != 2 {
		t.Errorf("the call came in %d times, and ended with %+v", calls.Load(), a)
	}
}

// refuseFirst speaks as much HTTP/2 as it takes to refuse the first call, and to break
// the connection in the next.
func refuseFirst(conn net.Conn, calls *atomic.Int32) error {
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return err
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		return err
	}
	for {
		frame, err := framer.ReadFrame()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if frame.IsAck() {
				continue
			}
			if err := framer.WriteSettingsAck(); err != nil {
				return err
			}
		case *http2.HeadersFrame:
			if calls.Add(1) > 1 {
				continue
			}
			if err := framer.WriteRSTStream(frame.StreamID, http2.ErrCodeRefusedStream); err != nil {
				return err
			}
		case *http2.DataFrame:
			// The whole second call has come in.
			if calls.Load() > 1 && frame.StreamEnded() {
				return nil
			}
		}
	}
}

// TestGRPCServerComesBack ends a server and starts it again at the same address: calls
// fail while it is away, and the first one after that does not.
func TestGRPCServerComesBack(t *testing.T) {
	b := newFakeBoard(t)
	at := "127.0.0.1:0"
	serve := func() *grpc.Server {
		ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		at = ln.Addr().String()
		server := grpc.NewServer()
		t.Cleanup(server.Stop)
		postsv1.RegisterPostsServiceServer(server, fakePosts{board: b})
		go func() { _ = server.Serve(ln) }()
		return server
	}
	first := serve()
	f := newGRPCFace(t, at)
	create := func() answer {
		return f.send(&request{kind: CreatePost, content: "a"}, f.at(Posts), 10*time.Second)
	}
	if a := create(); a.err != "" {
		t.Fatalf("%+v", a)
	}
	first.Stop()
	for range 5 {
		if a := create(); !strings.HasPrefix(a.err, "Unavailable") {
			t.Errorf("nobody listens: %+v", a)
		}
	}
	serve()
	if a := create(); a.err != "" {
		t.Errorf("it is back: %+v", a)
	}
}

// TestGracefulStop ends a server in good order, under load: no call fails.
func TestGracefulStop(t *testing.T) {
	b := newFakeBoard(t)
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	t.Cleanup(server.Stop)
	postsv1.RegisterPostsServiceServer(server, fakePosts{board: b})
	go func() { _ = server.Serve(ln) }()
	c := b.config()
	c.REST = nil
	other := c.GRPC
	var moved atomic.Bool
	c.GRPC = func(service string) string {
		if service == Posts && !moved.Load() {
			return ln.Addr().String()
		}
		return other(service)
	}
	p := New(c)
	var stop sync.Once
	records := runUntil(t, p, func() bool {
		n := p.Figures().Requests
		if n > 1000 {
			stop.Do(func() { moved.Store(true); server.GracefulStop() })
		}
		return n > 2000
	})
	for _, r := range records {
		if r.Failed() {
			t.Errorf("a call failed: %+v", r)
		}
	}
	if b.asked != len(records) {
		t.Errorf("the board was asked %d times, and %d requests are recorded", b.asked, len(records))
	}
}
