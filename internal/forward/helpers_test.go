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

	"github.com/splitboard/splitboard/internal/budget"
	"github.com/splitboard/splitboard/internal/forward"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

const method = usersv1.UsersService_GetUser_FullMethodName

// soon is how long what comes at once may take on a busy machine.
const soon = 10 * time.Second

// socketPath gives a path that is short enough for a socket.
func socketPath(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/tmp", "sb") //nolint:usetesting // tb.TempDir() may be too long
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// A host is a server on a socket.
type host struct {
	*forward.Server
	path string
	log  *logBuffer
}

// listen starts a server on a socket of its own, until the test ends.
func listen(tb testing.TB, handler forward.Handler) *host {
	tb.Helper()
	return listenAt(tb, socketPath(tb), handler)
}

func listenAt(tb testing.TB, path string, handler forward.Handler) *host {
	tb.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		tb.Fatal(err)
	}
	rest, calls := forward.Split(ln)
	h := &host{path: path, log: new(logBuffer)}
	h.Server = forward.NewServer(handler, slog.New(slog.NewTextHandler(h.log, nil)), budget.New(forward.MaxHeldAnswers))
	served := make(chan error, 1)
	go func() { served <- h.Serve(calls) }()
	tb.Cleanup(func() {
		_ = rest.Close()
		h.stop(tb, soon)
		if err := <-served; err != nil {
			tb.Errorf("the server ended with %v", err)
		}
		eventually(tb, "the end of the server's goroutines", func() bool { return h.Idle() == 0 })
	})
	return h
}

// stop ends a server, which has a time to do so.
func (h *host) stop(tb testing.TB, within time.Duration) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), within)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		tb.Error(err)
	}
}

// dial connects to a server until the test ends.
func dial(tb testing.TB, path string) *forward.Conn {
	tb.Helper()
	c := forward.Dial(path)
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
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
func eventually(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(soon); !is(); {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within %v", what, soon)
		}
		<-time.After(time.Millisecond)
	}
}

// wait waits for a channel to be closed.
func wait[T any](tb testing.TB, what string, c <-chan T) {
	tb.Helper()
	select {
	case <-c:
	case <-time.After(soon):
		tb.Fatalf("%s: not within %v", what, soon)
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
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
