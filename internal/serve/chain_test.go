package serve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/idempotency"
	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/store"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// faces gives the connections that run the chain: in process and over the network.
func faces(t *testing.T, r *running) map[string]grpc.ClientConnInterface {
	t.Helper()
	conn, err := grpc.NewClient(r.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return map[string]grpc.ClientConnInterface{"in process": r.Conn(), "network": conn}
}

func TestPanicInHandler(t *testing.T) {
	r := start(t, nil)
	for name, conn := range faces(t, r) {
		_, err := usersv1.NewUsersServiceClient(conn).GetUser(t.Context(), &usersv1.GetUserRequest{Id: panicID})
		if st := status.Convert(err); st.Code() != codes.Internal || apierr.ReasonOf(st) != "INTERNAL" || strings.Contains(st.String(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
		// The process goes on.
		if _, err := usersv1.NewUsersServiceClient(conn).GetUser(t.Context(), &usersv1.GetUserRequest{Id: 1}); err != nil {
			t.Errorf("%s: after the panic: %v", name, err)
		}
	}
	if got := r.log.String(); strings.Count(got, "a secret in a panic") != 2 || !strings.Contains(got, "fake_test.go") {
		t.Errorf("the panics and their stacks are not in the log:\n%s", got)
	}
}

func TestInternalCauseIsLoggedAndNotSent(t *testing.T) {
	r := start(t, nil)
	for name, conn := range faces(t, r) {
		ctx := observe.WithRequestID(t.Context(), "id-"+name[:2])
		_, err := usersv1.NewUsersServiceClient(conn).GetUser(observe.NewOutgoing(ctx), &usersv1.GetUserRequest{Id: internalID})
		if st := status.Convert(err); st.Code() != codes.Internal || apierr.ReasonOf(st) != "INTERNAL" || strings.Contains(st.String(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
		if n := strings.Count(r.log.String(), "request_id=id-"+name[:2]); n != 1 {
			t.Errorf("%s: the cause is logged %d times with the request's id", name, n)
		}
	}
	if n := strings.Count(r.log.String(), errSecret.Error()); n != 2 {
		t.Errorf("the cause is logged %d times, want 2:\n%s", n, r.log.String())
	}
}

func TestTranslate(t *testing.T) {
	peersOwn := apierr.ErrInternal.GRPCStatus().Err()
	for _, c := range []struct {
		name   string
		err    error
		code   codes.Code
		logged bool
	}{
		{"ours", apierr.ErrOverloaded, codes.ResourceExhausted, false},
		{"ours, wrapped", fmt.Errorf("x: %w", apierr.ErrOverloaded), codes.ResourceExhausted, false},
		{"unknown", errSecret, codes.Internal, true},
		{"internal with a cause", apierr.ErrInternal.Because(errSecret), codes.Internal, true},
		{"a peer's internal error", peersOwn, codes.Internal, false},
		{"a peer's internal error, wrapped", fmt.Errorf("asking users: %w", peersOwn), codes.Internal, false},
		{"a status that is not ours", status.Error(codes.Unavailable, "dial /dev/secret"), codes.Internal, true},
		{"unavailable", apierr.ErrShuttingDown, codes.Unavailable, false},
		{"unavailable with a cause", apierr.ErrShuttingDown.Because(errSecret), codes.Unavailable, true},
		{"a full store, which tells by itself", store.ErrFull.Because(errSecret), codes.Unavailable, false},
		{"deadline", context.DeadlineExceeded, codes.DeadlineExceeded, false},
		{"cancelled", context.Canceled, codes.Canceled, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log syncBuffer
			ch := &chain{log: observe.NewLogger(&log, observe.Text)}
			_, err := ch.unary(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: "/x/Y"},
				func(context.Context, any) (any, error) { return nil, c.err })
			if st := status.Convert(err); st.Code() != c.code || apierr.ReasonOf(st) == "" || strings.Contains(st.String(), "secret") {
				t.Errorf("sent %v", st)
			}
			if (log.String() != "") != c.logged {
				t.Errorf("logged %q", log.String())
			}
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	r := start(t, nil)
	longest := strings.Repeat("k", 255)
	for name, conn := range faces(t, r) {
		c := usersv1.NewUsersServiceClient(conn)
		create := func(keys ...string) (*usersv1.CreateUserResponse, error) {
			ctx := metadata.NewOutgoingContext(t.Context(), metadata.MD{idempotency.Metadata: keys})
			return c.CreateUser(ctx, &usersv1.CreateUserRequest{User: &usersv1.User{Bio: name}})
		}
		for _, keys := range [][]string{{""}, {longest + "k"}, {"a b"}, {"a", "b"}, {"a", "a"}} {
			_, err := create(keys...)
			if st := status.Convert(err); st.Code() != codes.InvalidArgument || apierr.ReasonOf(st) != "INVALID_IDEMPOTENCY_KEY" {
				t.Errorf("%s: keys %.20q: %v", name, keys, err)
			}
		}
		for _, key := range []string{"!", "~", longest} {
			key = strings.Replace(key, "kk", name[:2], 1) // each face has its own
			if len(key) == 1 {
				key += name[:2]
			}
			first, err := create(key)
			if err != nil {
				t.Fatalf("%s: key %.20q: %v", name, key, err)
			}
			again, err := create(key)
			if err != nil || again.GetUser().GetId() != first.GetUser().GetId() {
				t.Errorf("%s: key %.20q: made %v, then %v, %v", name, key, first, again, err)
			}
		}
		first, err1 := create()
		second, err2 := create()
		if err := errors.Join(err1, err2); err != nil || first.GetUser().GetId() == second.GetUser().GetId() {
			t.Errorf("%s: without a key: %v, %v, %v", name, first, second, err)
		}
	}
}

func TestCallersDeadlineReachesTheHandler(t *testing.T) {
	r := start(t, nil)
	for name, conn := range faces(t, r) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := usersv1.NewUsersServiceClient(conn).GetUser(ctx, &usersv1.GetUserRequest{Id: slowID})
		cancel()
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("%s: %v", name, err)
		}
		<-r.users.running
	}
}

// gRPC's own services keep their own errors.
func TestHealthAndReflection(t *testing.T) {
	r := start(t, nil)
	conn := faces(t, r)["network"]
	h := healthv1.NewHealthClient(conn)
	for _, service := range []string{"", "splitboard.users.v1.UsersService"} {
		resp, err := h.Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		if err != nil || resp.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", service, resp, err)
		}
	}
	if _, err := h.Check(t.Context(), &healthv1.HealthCheckRequest{Service: "none"}); status.Code(err) != codes.NotFound {
		t.Errorf("health of none: %v", err)
	}
	if _, ok := r.grpc.server.GetServiceInfo()["grpc.reflection.v1.ServerReflection"]; !ok {
		t.Error("there is no reflection")
	}
	err := conn.Invoke(t.Context(), "/splitboard.users.v1.UsersService/NoSuch", &usersv1.GetUserRequest{}, new(usersv1.GetUserResponse))
	if st := status.Convert(err); st.Code() != codes.Unimplemented || apierr.ReasonOf(st) != "METHOD_NOT_ALLOWED" {
		t.Errorf("an unknown method: %v", err)
	}
	_, err = usersv1.NewUsersServiceClient(conn).CreateUser(t.Context(), &usersv1.CreateUserRequest{User: &usersv1.User{Bio: strings.Repeat("x", maxMessage)}})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message too large: %v", err)
	}
	// The admin service is on the unix socket only.
	if _, ok := r.grpc.server.GetServiceInfo()["splitboard.admin.v1.AdminService"]; ok {
		t.Error("the admin service is on the network")
	}
}

func TestStreamPanics(t *testing.T) {
	var log syncBuffer
	ch := &chain{log: observe.NewLogger(&log, observe.Text)}
	err := ch.stream(t.Context())(nil, &fakeStream{ctx: t.Context()}, &grpc.StreamServerInfo{FullMethod: "/x/Y"},
		func(any, grpc.ServerStream) error { panic("a secret in a panic") })
	if st := status.Convert(err); st.Code() != codes.Internal || strings.Contains(st.String(), "secret") {
		t.Errorf("sent %v", err)
	}
	if !strings.Contains(log.String(), "a secret in a panic") {
		t.Errorf("logged %q", log.String())
	}
}

type fakeStream struct {
	grpc.ServerStream
	ctx context.Context // a stream has one
}

func (s *fakeStream) Context() context.Context { return s.ctx }

func BenchmarkChain(b *testing.B) {
	ch := &chain{log: observe.NewLogger(new(syncBuffer), observe.Text)}
	info := &grpc.UnaryServerInfo{FullMethod: "/x/Y"}
	handler := func(ctx context.Context, _ any) (any, error) { return info, ctx.Err() }
	ctx, cancel := context.WithCancel(metadata.NewIncomingContext(b.Context(), metadata.MD{}))
	defer cancel()
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = ch.unary(ctx, nil, info, handler)
		}
	})
}
