package boardtest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// PathRules starts a load balancer that leads each connection to a service by the path
// of its first request, as the ALB's rules /api/users*, /api/threads* and /api/posts*
// do; every other path goes to the first service. It hands bytes on as they are, so that
// the services answer for all that clients send, and tries nothing twice. It returns
// its address.
func PathRules(t *testing.T, users, threads, posts string) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rules := &pathRules{
		ctx:   t.Context(),
		rules: []pathRule{{"/api/users", users}, {"/api/threads", threads}, {"/api/posts", posts}},
		open:  map[net.Conn]bool{},
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { rules.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		rules.closeAll()
		serving.Wait()
	})
	return ln.Addr().String()
}

type pathRule struct{ prefix, target string }

type pathRules struct {
	ctx   context.Context
	rules []pathRule

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool
}

func (r *pathRules) serve(client net.Conn) {
	defer r.track(client)()
	head := bufio.NewReader(client)
	line, err := head.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return
	}
	service, err := new(net.Dialer).DialContext(r.ctx, "tcp", r.route(string(line)))
	if err != nil {
		return // the client sees its connection closed
	}
	defer r.track(service)()
	var up sync.WaitGroup
	up.Go(func() {
		if _, err := service.Write(line); err == nil {
			_, _ = io.Copy(service, head)
		}
		if half, ok := service.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	})
	_, _ = io.Copy(client, service)
	_ = client.Close()
	up.Wait()
}

// route gives the target for a request line.
func (r *pathRules) route(line string) string {
	_, path, _ := strings.Cut(line, " ")
	if _, rest, ok := strings.Cut(path, "://"); ok && !strings.HasPrefix(path, "/") {
		path = rest[max(0, strings.Index(rest, "/")):]
	}
	for _, rule := range r.rules {
		if strings.HasPrefix(path, rule.prefix) {
			return rule.target
		}
	}
	return r.rules[0].target
}

// track remembers a connection until what it returns is called, which closes it.
func (r *pathRules) track(conn net.Conn) (done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[conn] = true
	if r.closed {
		_ = conn.Close()
	}
	return func() {
		_ = conn.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.open, conn)
	}
}

func (r *pathRules) closeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for conn := range r.open {
		_ = conn.Close()
	}
}
