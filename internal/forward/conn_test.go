package forward_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/budget"
	"github.com/splitboard/splitboard/internal/forward"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// childSocket names the socket that this program serves when it is started as a child.
const childSocket = "SPLITBOARD_FORWARD_TEST_SOCKET"

func TestMain(m *testing.M) {
	if path := os.Getenv(childSocket); path != "" {
		serveForEver(path)
	}
	os.Exit(m.Run())
}

func TestWhatArrives(t *testing.T) {
	t.Parallel()
	sent := forward.Call{
		Method: method, Deadline: time.Now().Add(time.Minute), RequestID: "r", IdempotencyKey: "k", RetryKey: []byte{1, 0, 255},
	}
	arrived := make(chan forward.Call, 1)
	h := listen(t, func(_ context.Context, call *forward.Call) (proto.Message, error) {
		arrived <- *call
		return new(usersv1.GetUserResponse), nil
	})
	if err := dial(t, h.path).Invoke(t.Context(), sent, &usersv1.GetUserRequest{Id: 1}, new(usersv1.GetUserResponse)); err != nil {
		t.Fatal(err)
	}
	got := <-arrived
	if got.Method != sent.Method || got.RequestID != "r" || got.IdempotencyKey != "k" || !slices.Equal(got.RetryKey, sent.RetryKey) {
		t.Errorf("sent %+v, got %+v", sent, got)
	}
	if d := got.Deadline.Sub(sent.Deadline); d < -time.Second || d > soon {
		t.Errorf("the deadline moved by %v", d)
	}
	md := got.Metadata()
	if k := md.Get("idempotency-key"); !slices.Equal(k, []string{"k"}) {
		t.Errorf("the metadata is %v", md)
	}
	if k := md.Get(forward.RetryKeyMetadata); !slices.Equal(k, []string{"\x01\x00\xff"}) {
		t.Errorf("the metadata is %v", md)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	taken := apierr.New(codes.AlreadyExists, errorsv1.Reason_REASON_USERNAME_TAKEN, "taken").With("name", "ada").WithField("user.username", "is taken")
	h := listen(t, answering(func(_ context.Context, id int64) (*usersv1.User, error) {
		switch id {
		case 1:
			return nil, taken
		case 2:
			return nil, status.Error(codes.NotFound, "a status")
		case 3:
			return nil, errors.New("a secret")
		case 4:
			return nil, status.Error(codes.Aborted, "no text: \xff")
		}
		return nil, context.DeadlineExceeded
	}))
	c := dial(t, h.path)
	_, err := get(t.Context(), c, 1)
	if want := taken.GRPCStatus().Proto(); !proto.Equal(status.Convert(err).Proto(), want) {
		t.Errorf("got %v, want %v", status.Convert(err).Proto(), want)
	}
	for id, want := range map[int64]codes.Code{2: codes.NotFound, 3: codes.Internal, 4: codes.Internal, 5: codes.DeadlineExceeded} {
		_, err := get(t.Context(), c, id)
		if status.Code(err) != want || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: %v, want %v", id, err, want)
		}
	}
	if _, ok := status.Convert(err).Details()[0].(*errdetails.ErrorInfo); !ok {
		t.Errorf("the details of %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var running, most int
	all := make(chan struct{})
	const callers = 1000
	h := listen(t, answering(func(_ context.Context, id int64) (*usersv1.User, error) {
		mu.Lock()
		running++
		if most = max(most, running); running == callers {
			close(all)
		}
		mu.Unlock()
		<-all
		u := bio(int(id * 97 % 30_000)) // some are large
		u.Id = id
		return u, nil
	}))
	c := dial(t, h.path)
	var calling sync.WaitGroup
	for id := range int64(callers) {
		calling.Go(func() {
			u, err := get(t.Context(), c, id)
			if err != nil || u.GetId() != id || len(u.GetBio()) != int(id*97%30_000) {
				t.Errorf("%d: %d with %d bytes, %v", id, u.GetId(), len(u.GetBio()), err)
			}
		})
	}
	calling.Wait()
	if most != callers {
		t.Errorf("%d ran at once", most)
	}
}

func TestGivingUp(t *testing.T) {
	t.Parallel()
	begun, answer := make(chan struct{}, 3), make(chan struct{})
	h := listen(t, answering(func(_ context.Context, id int64) (*usersv1.User, error) {
		if id == 0 {
			begun <- struct{}{}
			<-answer
		}
		return &usersv1.User{Id: id}, nil
	}))
	c := dial(t, h.path)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	if _, err := get(ctx, c, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := get(ctx, c, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := get(ctx, c, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the context's deadline: %v", err)
	}
	for _, in := range []time.Duration{-time.Second, 10 * time.Millisecond} {
		err := c.Invoke(t.Context(), forward.Call{Method: method, Deadline: time.Now().Add(in)}, new(usersv1.GetUserRequest), new(usersv1.GetUserResponse))
		if !errors.Is(err, forward.ErrLate) {
			t.Errorf("a deadline in %v: %v", in, err)
		}
	}
	close(answer) // their answers come now, and belong to nobody
	if u, err := get(t.Context(), c, 2); err != nil || u.GetId() != 2 {
		t.Errorf("the next call: %v, %v", u, err)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	c := dial(t, path)
	wait(t, "Lost", c.Lost())
	began := time.Now()
	if _, err := get(t.Context(), c, 1); !errors.Is(err, forward.ErrLost) || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
	// And then somebody does.
	listenAt(t, path, echo)
	eventually(t, "an answer", func() bool { _, err := get(t.Context(), c, 1); return err == nil })
	select {
	case <-c.Lost():
		t.Error("it says that it is lost")
	default:
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	h := listen(t, func(ctx context.Context, _ *forward.Call) (proto.Message, error) {
		close(begun)
		<-ctx.Done() // the connection's end is the end of its calls
		return nil, ctx.Err()
	})
	c := forward.Dial(h.path)
	failed := make(chan error)
	go func() { _, err := get(t.Context(), c, 1); failed <- err }()
	<-begun
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, forward.ErrLost) {
		t.Errorf("the call that ran: %v", err)
	}
	if _, err := get(t.Context(), c, 1); !errors.Is(err, forward.ErrLost) {
		t.Errorf("a call after: %v", err)
	}
	wait(t, "Lost", c.Lost())
}

// serveForEver is the child: it answers calls for user 1 and no others.
func serveForEver(path string) {
	ln, err := net.Listen("unix", path+".bind")
	if err == nil {
		err = os.Rename(path+".bind", path)
	}
	if err != nil {
		panic(err)
	}
	_, calls := forward.Split(ln)
	_ = forward.NewServer(answering(func(_ context.Context, id int64) (*usersv1.User, error) {
		if id != 1 {
			select {}
		}
		return &usersv1.User{Id: id}, nil
	}), slog.New(slog.DiscardHandler), budget.New(1<<20)).Serve(calls)
}

func TestKill(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childSocket+"="+path)
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Wait() })
	c := dial(t, path)
	eventually(t, "an answer of the child's", func() bool { _, err := get(t.Context(), c, 1); return err == nil })
	lost := c.Lost()
	failed := make(chan error, 10)
	for range cap(failed) {
		go func() { _, err := get(t.Context(), c, 2); failed <- err }()
	}
	if _, err := get(t.Context(), c, 1); err != nil { // those before have been sent, or soon will
		t.Fatal(err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wait(t, "Lost", lost)
	for range cap(failed) {
		if err := <-failed; !errors.Is(err, forward.ErrLost) {
			t.Errorf("a call: %v", err)
		}
	}
}

// A process that answers nonsense is left.
func TestNonsense(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"no message":       string(binary.BigEndian.AppendUint32(nil, 2)) + "\xff\xff",
		"no result":        string(binary.BigEndian.AppendUint32(nil, 2)) + "\x08\x01",
		"too large":        "\xff\xff\xff\xff",
		"half, and an end": "\x00\x00\x00\x09abc",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ln, err := net.Listen("unix", socketPath(t))
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			go func() {
				for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
					_, _ = io.ReadFull(conn, make([]byte, 20)) // it has come
					_, _ = io.WriteString(conn, answer)
					_ = conn.(*net.UnixConn).CloseWrite()
				}
			}()
			if _, err := get(t.Context(), dial(t, ln.Addr().String()), 1); !errors.Is(err, forward.ErrLost) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A process that has been stopped reads nothing: its callers still give up in time.
func TestPeerReadsNothing(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("unix", socketPath(t))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() // nobody accepts, but the kernel connects
	c := dial(t, ln.Addr().String())
	req := &usersv1.UpdateUserRequest{User: bio(1 << 20)}
	var late atomic.Int64
	var calling sync.WaitGroup
	for range 8 {
		calling.Go(func() {
			began := time.Now()
			err := c.Invoke(t.Context(), forward.Call{Method: method, Deadline: began.Add(200 * time.Millisecond)}, req, new(usersv1.GetUserResponse))
			if took := time.Since(began); !errors.Is(err, forward.ErrLate) || took > 3*time.Second {
				t.Errorf("%v after %v", err, took)
			}
			late.Add(1)
		})
	}
	calling.Wait()
	// It is given up when it has not read for long.
	wait(t, "Lost", c.Lost())
}
