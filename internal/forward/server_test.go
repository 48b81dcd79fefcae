package forward_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/forward"

	forwardv1 "github.com/splitboard/splitboard/gen/splitboard/forward/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// raw is a client that does what a test wants it to.
type raw struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func dialRaw(t *testing.T, path string) *raw {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(2 * soon)); err != nil {
		t.Fatal(err)
	}
	return &raw{Conn: conn, t: t, in: bufio.NewReader(conn)}
}

// frames gives the frames of calls for users.
func frames(t *testing.T, ids ...uint64) []byte {
	t.Helper()
	var all []byte
	for _, id := range ids {
		req, err := proto.Marshal(&usersv1.GetUserRequest{Id: int64(id)})
		if err != nil {
			t.Fatal(err)
		}
		call, err := proto.Marshal(&forwardv1.Call{Id: id, Method: method, Message: req})
		if err != nil {
			t.Fatal(err)
		}
		all = append(binary.BigEndian.AppendUint32(all, uint32(len(call))), call...)
	}
	return all
}

func (r *raw) write(b []byte) {
	r.t.Helper()
	if _, err := r.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// read reads an answer, or the connection's end.
func (r *raw) read() (*forwardv1.Answer, error) {
	var head [4]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(r.in, body); err != nil {
		return nil, err
	}
	a := new(forwardv1.Answer)
	return a, proto.Unmarshal(body, a)
}

func TestGarbage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent []byte
		log  string
	}{
		"no message":     {[]byte("SBF1\x00\x00\x00\x03\xff\xff\xff"), "does not parse"},
		"too large":      {[]byte("SBF1\xff\xff\xff\xff"), "too large"},
		"half a message": {[]byte("SBF1\x00\x00\x00\x09ab"), ""}, // it may have died
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := listen(t, echo)
			r := dialRaw(t, h.path)
			r.write(c.sent)
			if err := r.Conn.(*net.UnixConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if a, err := r.read(); err == nil {
				t.Errorf("the answer is %v", a)
			}
			eventually(t, "the log", func() bool { return strings.Contains(h.log.String(), c.log) })
			if c.log == "" && h.log.String() != "" {
				t.Errorf("the log: %s", h.log)
			}
			if _, err := get(t.Context(), dial(t, h.path), 1); err != nil {
				t.Errorf("another's call: %v", err)
			}
		})
	}
}

func TestLargeMessages(t *testing.T) {
	t.Parallel()
	h := listen(t, func(_ context.Context, call *forward.Call) (proto.Message, error) {
		req := new(usersv1.UpdateUserRequest)
		if err := proto.Unmarshal(call.Message, req); err != nil {
			return nil, err
		}
		return &usersv1.GetUserResponse{User: bio(16 * len(req.GetUser().GetBio()))}, nil
	})
	c := dial(t, h.path)
	for size, want := range map[int]codes.Code{
		1:                    codes.OK,
		16<<10 - 1:           codes.OK,
		1<<20 - 100:          codes.OK,
		1 << 20:              codes.Internal, // its answer is beyond the limit
		1<<20 + 128<<10:      codes.ResourceExhausted,
		16<<20 - 16<<10 + 50: codes.ResourceExhausted,
	} {
		resp := new(usersv1.GetUserResponse)
		err := c.Invoke(t.Context(), forward.Call{Method: method}, &usersv1.UpdateUserRequest{User: bio(size)}, resp)
		if status.Code(err) != want {
			t.Errorf("%d bytes: %v, want %v", size, err, want)
		}
		if err == nil && len(resp.GetUser().GetBio()) != 16*size {
			t.Errorf("%d bytes: %d came back", size, len(resp.GetUser().GetBio()))
		}
	}
	if log := h.log.String(); !strings.Contains(log, "too large") {
		t.Errorf("the log: %s", log)
	}
}

// A connection on which very many calls run is not read for a while.
func TestManyRunning(t *testing.T) {
	t.Parallel()
	const free = 5000 // a user for whom nobody waits
	var running atomic.Int64
	begun, end := make(chan struct{}, 2000), make(chan struct{})
	h := listen(t, answering(func(_ context.Context, id int64) (*usersv1.User, error) {
		if id != free {
			running.Add(1)
			begun <- struct{}{}
			<-end
		}
		return new(usersv1.User), nil
	}))
	ids := make([]uint64, 1500)
	for i := range ids {
		ids[i] = uint64(i)
	}
	r := dialRaw(t, h.path)
	r.write(append([]byte("SBF1"), frames(t, ids...)...))
	for range forward.MaxRunning {
		<-begun
	}
	// Another connection is another matter; and meanwhile more could begin.
	other := dial(t, h.path)
	for range 100 {
		if _, err := get(t.Context(), other, free); err != nil {
			t.Error(err)
		}
	}
	if n := running.Load(); n != forward.MaxRunning {
		t.Errorf("%d calls run", n)
	}
	close(end)
	answered := make(map[uint64]bool)
	for range ids {
		a, err := r.read()
		if err != nil {
			t.Fatal(err)
		}
		answered[a.GetId()] = true
	}
	if len(answered) != len(ids) {
		t.Errorf("%d of %d were answered", len(answered), len(ids))
	}
}

// A peer that does not read its answers takes only so much memory, and only for a time.
func TestPeerDoesNotRead(t *testing.T) {
	t.Parallel()
	h := listen(t, answering(func(context.Context, int64) (*usersv1.User, error) { return bio(8 << 20), nil }))
	slow, other := dialRaw(t, h.path), dial(t, h.path)
	slow.write(append([]byte("SBF1"), frames(t, 1, 2, 3, 4, 5, 6, 7)...))
	eventually(t, "the limit", func() bool { return h.Held() > 40<<20 })
	if _, err := get(t.Context(), other, 1); apierr.ReasonOf(status.Convert(err)) != "OVERLOADED" {
		t.Errorf("another's call: %v", err)
	}
	eventually(t, "the end of it", func() bool { _, err := get(t.Context(), other, 1); return err == nil })
	if log := h.log.String(); !strings.Contains(log, "timeout") {
		t.Errorf("the log: %s", log)
	}
	if _, err := io.Copy(io.Discard, slow); errors.Is(err, context.DeadlineExceeded) {
		t.Error("the connection is still there")
	}
	eventually(t, "all memory given back", func() bool { return h.Held() == 0 })
}

// Every call that ran has been answered when the connection ends; the others have not run.
func TestShutdownUnderLoad(t *testing.T) {
	t.Parallel()
	const callers, reads = 50, 10
	for range reads {
		var ran, answered atomic.Int64
		busy := make(chan struct{}, 1)
		h := listen(t, answering(func(context.Context, int64) (*usersv1.User, error) {
			if ran.Add(1) == 10*callers {
				busy <- struct{}{}
			}
			return bio(20_000), nil
		}))
		c := dial(t, h.path)
		var calling sync.WaitGroup
		for range callers {
			calling.Go(func() {
				for {
					_, err := get(t.Context(), c, 1)
					if errors.Is(err, forward.ErrLost) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					answered.Add(1)
				}
			})
		}
		<-busy
		h.stop(t, soon)
		calling.Wait()
		if ran.Load() != answered.Load() {
			t.Errorf("%d calls ran, %d were answered", ran.Load(), answered.Load())
		}
	}
}

func TestShutdownIsBounded(t *testing.T) {
	t.Parallel()
	begun, end := make(chan struct{}, 2), make(chan struct{})
	h := listen(t, answering(func(ctx context.Context, id int64) (*usersv1.User, error) {
		begun <- struct{}{}
		if id == 1 {
			<-ctx.Done()
		} else {
			<-end
		}
		return nil, ctx.Err()
	}))
	obedient, deaf := dial(t, h.path), dial(t, h.path)
	failed := make(chan error, 2)
	go func() { _, err := get(t.Context(), obedient, 1); failed <- err }()
	go func() { _, err := get(t.Context(), deaf, 2); failed <- err }()
	<-begun
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := h.Shutdown(ctx); err == nil {
		t.Error("a handler runs on, and nobody says so")
	}
	if took := time.Since(began); took > soon {
		t.Errorf("it took %v", took)
	}
	for range cap(failed) {
		if err := <-failed; !errors.Is(err, forward.ErrLost) {
			t.Error(err)
		}
	}
	close(end)
}

// Handlers whose connection is lost are told, and Shutdown waits for them.
func TestShutdownWaits(t *testing.T) {
	t.Parallel()
	begun, told, end := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var ended atomic.Bool
	h := listen(t, answering(func(ctx context.Context, _ int64) (*usersv1.User, error) {
		close(begun)
		<-ctx.Done()
		close(told)
		<-end
		ended.Store(true)
		return nil, ctx.Err()
	}))
	r := dialRaw(t, h.path)
	r.write(append([]byte("SBF1"), frames(t, 1)...))
	<-begun
	r.Close()
	wait(t, "the handler's context's end", told)
	go func() { <-time.After(10 * time.Millisecond); close(end) }()
	h.stop(t, soon)
	if !ended.Load() {
		t.Error("a handler runs when Shutdown has returned")
	}
	if log := h.log.String(); log != "" {
		t.Errorf("the log: %s", log)
	}
}

// A call that is broken off has no answer. That its handler was cancelled is none: its
// caller, who would take it for one, asks another process instead.
func TestBrokenOffIsLost(t *testing.T) {
	now, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 {
		running := make(chan struct{})
		h := listen(t, answering(func(ctx context.Context, _ int64) (*usersv1.User, error) {
			for range 10_000 { // which it takes a while to cancel
				t.Cleanup(second(context.WithCancel(ctx)))
			}
			close(running)
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		c := dial(t, h.path)
		ended := make(chan error, 1)
		go func() { _, err := get(t.Context(), c, 1); ended <- err }()
		wait(t, "the call", running)
		if err := h.Shutdown(now); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, forward.ErrLost) {
			t.Fatalf("its caller gets %v", err)
		}
	}
}

func second(_ context.Context, cancel context.CancelFunc) context.CancelFunc { return cancel }
