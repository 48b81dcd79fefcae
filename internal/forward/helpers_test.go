package forward_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/forward"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

const method = usersv1.UsersService_GetUser_FullMethodName

// soon is how long what comes at once may take on a busy machine.
const soon = 10 * time.Second

// socketPath gives a path that is short enough for a socket.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sb") //nolint:usetesting // t.TempDir() may be too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// A host is a server on a socket.
type host struct {
	*forward.Server
	path string
	log  *logBuffer
}

// listen starts a server on a socket of its own, until the test ends.
func listen(t testing.TB, handler forward.Handler) *host {
	t.Helper()
	return listenAt(t, socketPath(t), handler)
}

func listenAt(t testing.TB, path string, handler forward.Handler) *host {
	t.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	rest, calls := forward.Split(ln)
	h := &host{path: path, log: new(logBuffer)}
	h.Server = forward.NewServer(handler, slog.New(slog.NewTextHandler(h.log, nil)))
	served := make(chan error, 1)
	go func() { served <- h.Serve(calls) }()
	t.Cleanup(func() {
		_ = rest.Close()
		h.stop(t, soon)
		if err := <-served; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return h
}

// stop ends a server, which has a time to do so.
func (h *host) stop(t testing.TB, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), within)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// dial connects to a server until the test ends.
func dial(t testing.TB, path string) *forward.Conn {
	t.Helper()
	c := forward.Dial(path)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// get sends a call for a user.
func get(ctx context.Context, c *forward.Conn, id int64) (*usersv1.User, error) {
	resp := new(usersv1.GetUserResponse)
	err := c.Invoke(ctx, forward.Call{Method: method}, &usersv1.GetUserRequest{Id: id}, resp)
	return resp.GetUser(), err
}

// answering makes a handler of a function for the call's user.
func answering(f func(ctx context.Context, id int64) (*usersv1.User, error)) forward.Handler {
	return func(ctx context.Context, call *forward.Call) (proto.Message, error) {
		req := new(usersv1.GetUserRequest)
		if err := proto.Unmarshal(call.Message, req); err != nil {
			return nil, err
		}
		u, err := f(ctx, req.GetId())
		if err != nil {
			return nil, err
		}
		return &usersv1.GetUserResponse{User: u}, nil
	}
}

// echo answers with a user that has the id which was asked for.
var echo = answering(func(_ context.Context, id int64) (*usersv1.User, error) { return &usersv1.User{Id: id}, nil })

// bio makes a user that takes about so many bytes.
func bio(size int) *usersv1.User { return &usersv1.User{Bio: strings.Repeat("b", size)} }

// eventually waits for something that is to come soon.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, soon)
		}
		<-time.After(time.Millisecond)
	}
}

// wait waits for a channel to be closed.
func wait[T any](t testing.TB, what string, c <-chan T) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(soon):
		t.Fatalf("%s: not within %v", what, soon)
	}
}

// logBuffer is a log that tests can read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// processorTime gives what this process has used.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
