package peer

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/observe"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// A users service that says what it saw, and is unavailable as often as it is told.
type users struct {
	usersv1.UnimplementedUsersServiceServer
	name     string
	calls    atomic.Int32
	refuse   atomic.Int32
	md       atomic.Pointer[metadata.MD]
	deadline atomic.Pointer[time.Time]
}

func (u *users) see(ctx context.Context) error {
	u.calls.Add(1)
	md, _ := metadata.FromIncomingContext(ctx)
	u.md.Store(&md)
	if d, ok := ctx.Deadline(); ok {
		u.deadline.Store(&d)
	}
	if u.refuse.Add(-1) >= 0 {
		return status.Error(codes.Unavailable, "not now")
	}
	return nil
}

func (u *users) GetUser(ctx context.Context, _ *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
	return &usersv1.GetUserResponse{User: &usersv1.User{Name: u.name}}, u.see(ctx)
}

func (u *users) CreateUser(ctx context.Context, _ *usersv1.CreateUserRequest) (*usersv1.CreateUserResponse, error) {
	return &usersv1.CreateUserResponse{User: &usersv1.User{Name: u.name}}, u.see(ctx)
}

// start serves u at addr until the test ends or the returned function is called.
func (u *users) start(t *testing.T, addr string) (string, func()) {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	usersv1.RegisterUsersServiceServer(s, u)
	go s.Serve(ln) //nolint:errcheck // ends with the test
	t.Cleanup(s.Stop)
	return ln.Addr().String(), s.Stop
}

func client(t *testing.T, targets string, names *net.Resolver) usersv1.UsersServiceClient {
	t.Helper()
	conn, err := dial(targets, "splitboard-test/v0", names)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return usersv1.NewUsersServiceClient(conn)
}

func get(ctx context.Context, c usersv1.UsersServiceClient) (string, error) {
	resp, err := c.GetUser(ctx, &usersv1.GetUserRequest{Id: 1})
	return resp.GetUser().GetName(), err
}

func TestReadsAreRetried(t *testing.T) {
	u := new(users)
	addr, _ := u.start(t, "127.0.0.1:0")
	c := client(t, addr, net.DefaultResolver)
	u.refuse.Store(3)
	if _, err := get(t.Context(), c); err != nil || u.calls.Load() != 4 {
		t.Errorf("a read: %v after %d calls, want success after 4", err, u.calls.Load())
	}
	u.calls.Store(0)
	u.refuse.Store(1)
	if _, err := c.CreateUser(t.Context(), &usersv1.CreateUserRequest{}); status.Code(err) != codes.Unavailable || u.calls.Load() != 1 {
		t.Errorf("a write: %v after %d calls, want Unavailable after 1", err, u.calls.Load())
	}
}

func TestMetadataAndDeadline(t *testing.T) {
	u := new(users)
	addr, _ := u.start(t, "127.0.0.1:0")
	c := client(t, addr, net.DefaultResolver)
	before := time.Now()
	if _, err := get(observe.WithRequestID(t.Context(), "mine"), c); err != nil {
		t.Fatal(err)
	}
	md := *u.md.Load()
	if id := md.Get("x-request-id"); len(id) != 1 || id[0] != "mine" {
		t.Errorf("request id is %q", id)
	}
	if agent := md.Get("user-agent"); len(agent) != 1 || !strings.HasPrefix(agent[0], "splitboard-test/v0") {
		t.Errorf("user agent is %q", agent)
	}
	if d := u.deadline.Load(); d == nil || d.Before(before.Add(DefaultTimeout-time.Second)) || d.After(time.Now().Add(DefaultTimeout)) {
		t.Errorf("deadline is %v after the call", d)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := get(ctx, c); err != nil {
		t.Fatal(err)
	}
	if d := u.deadline.Load(); d.After(time.Now().Add(time.Second)) {
		t.Errorf("the caller's deadline became %v", time.Until(*d))
	}
}

func TestOrderOfPreference(t *testing.T) {
	first, second := &users{name: "first"}, &users{name: "second"}
	addr1, stop1 := first.start(t, "127.0.0.1:0")
	addr2, _ := second.start(t, "127.0.0.1:0")
	c := client(t, addr1+","+addr2, net.DefaultResolver)
	for range 10 {
		if name, err := get(t.Context(), c); err != nil || name != "first" {
			t.Fatalf("both are there: %q, %v", name, err)
		}
	}
	stop1()
	if name, err := get(t.Context(), c); err != nil || name != "second" {
		t.Errorf("the first is gone: %q, %v", name, err)
	}
}

// While its target is away the connection is tried at least every half second, calls fail
// at once, and when the target is back so is the connection.
func TestReconnect(t *testing.T) {
	u := new(users)
	addr, stop := u.start(t, "127.0.0.1:0")
	c := client(t, addr, net.DefaultResolver)
	if _, err := get(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	stop()

	// Somebody who hangs up at once, and notes when.
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	tries := make(chan []time.Time, 1)
	go func() {
		var at []time.Time
		for {
			conn, err := ln.Accept()
			if err != nil {
				tries <- at
				return
			}
			at = append(at, time.Now())
			_ = conn.Close()
		}
	}()
	write := func() error {
		_, err := c.CreateUser(t.Context(), &usersv1.CreateUserRequest{})
		return err
	}
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	for away := time.Now(); time.Since(away) < 2500*time.Millisecond; <-pace.C {
		start := time.Now()
		if err := write(); status.Code(err) != codes.Unavailable {
			t.Fatalf("nobody is there: %v", err)
		}
		if d := time.Since(start); d > 500*time.Millisecond {
			t.Fatalf("nobody is there: told after %v", d)
		}
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	at := <-tries
	if len(at) < 5 {
		t.Errorf("%d tries in 2.5 s", len(at))
	}
	for i := 1; i < len(at); i++ {
		if gap := at[i].Sub(at[i-1]); gap > 600*time.Millisecond {
			t.Errorf("try %d comes after %v", i, gap)
		}
	}

	u.start(t, addr)
	back := time.Now()
	for err = write(); err != nil && time.Since(back) < 2*time.Second; err = write() {
		<-pace.C
	}
	if d := time.Since(back); err != nil || d > time.Second {
		t.Errorf("back after %v: %v", d, err)
	}
}
