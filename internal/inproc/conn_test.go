package inproc_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/inproc"
)

// usersServer answers GetUser by a function.
type usersServer struct {
	usersv1.UnimplementedUsersServiceServer
	get func(context.Context, *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error)
}

func (s *usersServer) GetUser(ctx context.Context, r *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
	return s.get(ctx, r)
}

type getUser = func(context.Context, *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error)

func inProcess(get getUser, chain grpc.UnaryServerInterceptor) usersv1.UsersServiceClient {
	conn := inproc.New(chain)
	usersv1.RegisterUsersServiceServer(conn, &usersServer{get: get})
	return usersv1.NewUsersServiceClient(conn)
}

// overNetwork is the same service behind grpc-go's own server and client.
func overNetwork(t *testing.T, get getUser) usersv1.UsersServiceClient {
	t.Helper()
	listener := bufconn.Listen(1 << 16)
	server := grpc.NewServer()
	usersv1.RegisterUsersServiceServer(server, &usersServer{get: get})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///bufconn",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return usersv1.NewUsersServiceClient(conn)
}

// bothWays runs a test over the network and in process: what a caller or a
// handler can see must be the same.
func bothWays(t *testing.T, get getUser, test func(*testing.T, usersv1.UsersServiceClient)) {
	t.Helper()
	t.Run("network", func(t *testing.T) { test(t, overNetwork(t, get)) })
	t.Run("in process", func(t *testing.T) { test(t, inProcess(get, nil)) })
}

func TestMessagesReachTheOtherSide(t *testing.T) {
	t.Parallel()
	get := func(_ context.Context, r *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
		return &usersv1.GetUserResponse{User: &usersv1.User{Id: r.GetId(), Username: "ada"}}, nil
	}
	bothWays(t, get, func(t *testing.T, users usersv1.UsersServiceClient) {
		got, err := users.GetUser(t.Context(), &usersv1.GetUserRequest{Id: 7})
		if err != nil {
			t.Fatal(err)
		}
		if want := (&usersv1.User{Id: 7, Username: "ada"}); !proto.Equal(got.GetUser(), want) {
			t.Errorf("got %v, want %v", got.GetUser(), want)
		}
	})
}

func TestResponseReplacesWhatWasInTheReply(t *testing.T) {
	t.Parallel()
	conn := inproc.New(nil)
	usersv1.RegisterUsersServiceServer(conn, &usersServer{get: func(context.Context, *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
		return nil, nil // what a careless handler might do
	}})
	reply := &usersv1.GetUserResponse{User: &usersv1.User{Id: 1}}
	if err := conn.Invoke(t.Context(), usersv1.UsersService_GetUser_FullMethodName, &usersv1.GetUserRequest{}, reply); err != nil {
		t.Fatal(err)
	}
	if reply.GetUser() != nil {
		t.Errorf("the reply kept %v", reply.GetUser())
	}
}

func TestOtherGoTypesGoThroughTheWireFormat(t *testing.T) {
	t.Parallel()
	conn := inproc.New(nil)
	var seen int64
	usersv1.RegisterUsersServiceServer(conn, &usersServer{get: func(_ context.Context, r *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
		seen = r.GetId()
		return &usersv1.GetUserResponse{User: &usersv1.User{Username: "ada"}}, nil
	}})
	// ListUsersResponse.users and GetUserResponse.user share number and type.
	reply := new(usersv1.ListUsersResponse)
	if err := conn.Invoke(t.Context(), usersv1.UsersService_GetUser_FullMethodName, &usersv1.UpdateUserRequest{Id: 9}, reply); err != nil {
		t.Fatal(err)
	}
	if seen != 9 || len(reply.GetUsers()) != 1 || reply.GetUsers()[0].GetUsername() != "ada" {
		t.Errorf("the handler saw id %d, the caller %v", seen, reply)
	}
	err := conn.Invoke(t.Context(), usersv1.UsersService_GetUser_FullMethodName, "no message", reply)
	if status.Code(err) != codes.Internal {
		t.Errorf("a request that is no message gave %v", err)
	}
}

func TestErrorsComeBackAsStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  error
		want *status.Status
	}{
		{"status", status.Error(codes.Aborted, "no"), status.New(codes.Aborted, "no")},
		{"of the board", apierr.ErrInvalidField.WithField("name", "bad"), apierr.ErrInvalidField.WithField("name", "bad").GRPCStatus()},
		{"deadline", context.DeadlineExceeded, apierr.ErrDeadline.GRPCStatus()},
		{"any other", errors.New("disk on fire"), apierr.ErrInternal.GRPCStatus()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			users := inProcess(func(context.Context, *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) { return nil, c.err }, nil)
			_, err := users.GetUser(t.Context(), &usersv1.GetUserRequest{})
			if got := status.Convert(err); !proto.Equal(got.Proto(), c.want.Proto()) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestUnknownMethodsAreUnimplemented(t *testing.T) {
	t.Parallel()
	conn := inproc.New(nil)
	usersv1.RegisterUsersServiceServer(conn, &usersServer{})
	for name, want := range map[string]string{
		"/splitboard.users.v1.UsersService/Nope": "unknown method Nope for service splitboard.users.v1.UsersService",
		"/splitboard.nope.v1.Nope/Nope":          "unknown service splitboard.nope.v1.Nope",
		"nonsense":                               "unknown service nonsense",
	} {
		err := conn.Invoke(t.Context(), name, &usersv1.GetUserRequest{}, new(usersv1.GetUserResponse))
		if st := status.Convert(err); st.Code() != codes.Unimplemented || st.Message() != want {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	if _, err := conn.NewStream(t.Context(), &grpc.StreamDesc{}, "/a/b"); status.Code(err) != codes.Unimplemented {
		t.Errorf("NewStream gave %v", err)
	}
}

func TestContextThatIsDoneReachesNoHandler(t *testing.T) {
	t.Parallel()
	get := func(context.Context, *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
		t.Error("the handler was called")
		return nil, nil // never reached
	}
	bothWays(t, get, func(t *testing.T, users usersv1.UsersServiceClient) {
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := users.GetUser(cancelled, &usersv1.GetUserRequest{}); status.Code(err) != codes.Canceled {
			t.Errorf("a cancelled context gave %v", err)
		}
		late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
		defer cancel()
		if _, err := users.GetUser(late, &usersv1.GetUserRequest{}); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("a deadline in the past gave %v", err)
		}
	})
}

func TestHandlerSeesTheCallersDeadline(t *testing.T) {
	t.Parallel()
	get := func(ctx context.Context, _ *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("no deadline")
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := inProcess(get, nil).GetUser(ctx, &usersv1.GetUserRequest{}); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
}

func TestHeadersAndTrailersReachTheCaller(t *testing.T) {
	t.Parallel()
	get := func(ctx context.Context, r *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
		if method, ok := grpc.Method(ctx); !ok || method != usersv1.UsersService_GetUser_FullMethodName {
			t.Errorf("the method is %q, %t", method, ok)
		}
		for _, err := range []error{
			grpc.SetHeader(ctx, metadata.Pairs("a", "1")),
			grpc.SendHeader(ctx, metadata.Pairs("a", "2")),
			grpc.SetTrailer(ctx, metadata.Pairs("b", "3")),
		} {
			if err != nil {
				t.Error(err)
			}
		}
		if grpc.SetHeader(ctx, metadata.Pairs("a", "4")) == nil {
			t.Error("a header was set after the header had been sent")
		}
		if r.GetId() == 0 {
			return nil, status.Error(codes.NotFound, "no")
		}
		return &usersv1.GetUserResponse{}, nil
	}
	bothWays(t, get, func(t *testing.T, users usersv1.UsersServiceClient) {
		for _, id := range []int64{0, 1} { // a failure has both as well
			var header, trailer metadata.MD
			_, err := users.GetUser(t.Context(), &usersv1.GetUserRequest{Id: id}, grpc.Header(&header), grpc.Trailer(&trailer))
			if (id == 0) != (err != nil) {
				t.Errorf("id %d: %v", id, err)
			}
			if got := header.Get("a"); !slices.Equal(got, []string{"1", "2"}) {
				t.Errorf("id %d: header %v", id, got)
			}
			if got := trailer.Get("b"); !slices.Equal(got, []string{"3"}) {
				t.Errorf("id %d: trailer %v", id, got)
			}
		}
	})
}

func TestMetadataIsTheCallersOutgoingAlone(t *testing.T) {
	t.Parallel()
	around := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.UnixAddr{Name: "around"}})
	around = metadata.NewIncomingContext(around, metadata.Pairs("around", "yes", "idempotency-key", "around"))
	for _, c := range []struct {
		name string
		ctx  context.Context // the case under test
		want []string
	}{
		{"none", around, nil},
		{"own", metadata.AppendToOutgoingContext(around, "idempotency-key", "own"), []string{"own"}},
	} {
		get := func(ctx context.Context, _ *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
			md, _ := metadata.FromIncomingContext(ctx)
			if got := md.Get("idempotency-key"); !slices.Equal(got, c.want) {
				t.Errorf("%s: the handler saw the key %q, want %q", c.name, got, c.want)
			}
			if got := md.Get("around"); got != nil {
				t.Errorf("%s: the handler saw the metadata of the call around: %q", c.name, got)
			}
			if out, _ := metadata.FromOutgoingContext(ctx); len(out) != 0 {
				t.Errorf("%s: the handler would send on %v", c.name, out)
			}
			if p, ok := peer.FromContext(ctx); !ok || strings.Contains(p.Addr.String(), "around") {
				t.Errorf("%s: the handler saw the peer %v", c.name, p)
			}
			return &usersv1.GetUserResponse{}, nil
		}
		bothWays(t, get, func(t *testing.T, users usersv1.UsersServiceClient) {
			if _, err := users.GetUser(c.ctx, &usersv1.GetUserRequest{}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOtherCallOptions(t *testing.T) {
	t.Parallel()
	failure := status.Error(codes.NotFound, "no")
	users := inProcess(func(context.Context, *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) { return nil, failure }, nil)
	var other peer.Peer
	var finished error
	_, err := users.GetUser(t.Context(), &usersv1.GetUserRequest{}, grpc.Peer(&other), grpc.OnFinish(func(err error) { finished = err }))
	if finished == nil || status.Code(finished) != status.Code(err) {
		t.Errorf("OnFinish got %v, the caller %v", finished, err)
	}
	if other.Addr == nil || other.Addr.Network() != "inproc" || other.Addr.String() != "inproc" {
		t.Errorf("the peer is %v", other.Addr)
	}
}

func TestEveryCallRunsTheChain(t *testing.T) {
	t.Parallel()
	chain := func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if info.FullMethod != usersv1.UsersService_GetUser_FullMethodName {
			t.Errorf("the chain saw the method %q", info.FullMethod)
		}
		if req.(*usersv1.GetUserRequest).GetId() == 13 {
			return nil, apierr.ErrOverloaded
		}
		return next(ctx, req)
	}
	users := inProcess(func(context.Context, *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
		return &usersv1.GetUserResponse{}, nil
	}, chain)
	if _, err := users.GetUser(t.Context(), &usersv1.GetUserRequest{Id: 12}); err != nil {
		t.Error(err)
	}
	if _, err := users.GetUser(t.Context(), &usersv1.GetUserRequest{Id: 13}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the chain's refusal came back as %v", err)
	}
}

func TestRegisterServicePanics(t *testing.T) {
	t.Parallel()
	for name, register := range map[string]func(*inproc.Conn){
		"twice": func(c *inproc.Conn) {
			c.RegisterService(&usersv1.UsersService_ServiceDesc, &usersServer{})
			c.RegisterService(&usersv1.UsersService_ServiceDesc, &usersServer{})
		},
		"not the service": func(c *inproc.Conn) { c.RegisterService(&usersv1.UsersService_ServiceDesc, "no server") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			register(inproc.New(nil))
		})
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	var chained int
	conn := inproc.New(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		chained++
		return next(ctx, req)
	})
	usersv1.RegisterUsersServiceServer(conn, &usersServer{get: func(ctx context.Context, r *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
		if r.GetId() == 13 {
			return nil, apierr.ErrOverloaded
		}
		if name, ok := grpc.Method(ctx); !ok || name != usersv1.UsersService_GetUser_FullMethodName {
			t.Errorf("the handler's method is %q", name)
		}
		key := strings.Join(metadata.ValueFromIncomingContext(ctx, "key"), ",")
		return &usersv1.GetUserResponse{User: &usersv1.User{Id: r.GetId(), Bio: key}}, nil
	}})
	wire := func(id int64) []byte {
		b, err := proto.Marshal(&usersv1.GetUserRequest{Id: id})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		method string
		wire   []byte
		md     metadata.MD
		want   *usersv1.User
		code   codes.Code
	}{
		{usersv1.UsersService_GetUser_FullMethodName, wire(5), nil, &usersv1.User{Id: 5}, codes.OK},
		{usersv1.UsersService_GetUser_FullMethodName, wire(6), metadata.Pairs("key", "k"), &usersv1.User{Id: 6, Bio: "k"}, codes.OK},
		{usersv1.UsersService_GetUser_FullMethodName, wire(13), nil, nil, codes.ResourceExhausted},
		{usersv1.UsersService_GetUser_FullMethodName, []byte("\xff"), nil, nil, codes.Internal},
		{"/splitboard.users.v1.UsersService/None", nil, nil, nil, codes.Unimplemented},
	} {
		resp, err := conn.Serve(t.Context(), c.method, c.wire, c.md)
		if status.Code(err) != c.code {
			t.Errorf("%s of %q: %v, want %v", c.method, c.wire, err, c.code)
		}
		if c.want != nil && !proto.Equal(resp, &usersv1.GetUserResponse{User: c.want}) {
			t.Errorf("%s of %q: %v", c.method, c.wire, resp)
		}
	}
	if chained != 3 {
		t.Errorf("%d calls went through the chain", chained)
	}
}

// One request sent by many callers at once must be safe, as it is over the
// network; the race detector watches.
func TestSharedRequest(t *testing.T) {
	t.Parallel()
	users := inProcess(func(_ context.Context, r *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
		return &usersv1.GetUserResponse{User: &usersv1.User{Id: r.GetId()}}, nil
	}, nil)
	shared := &usersv1.GetUserRequest{Id: 5}
	errs := make(chan error)
	const callers = 8
	for range callers {
		go func() {
			_, err := users.GetUser(t.Context(), shared)
			errs <- err
		}()
	}
	for range callers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkInvoke(b *testing.B) {
	response := &usersv1.GetUserResponse{User: &usersv1.User{Id: 1}}
	conn := inproc.New(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		return next(ctx, req)
	})
	usersv1.RegisterUsersServiceServer(conn, &usersServer{get: func(context.Context, *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
		return response, nil
	}})
	for name, ctx := range map[string]context.Context{
		"plain":        b.Context(),
		"withMetadata": metadata.AppendToOutgoingContext(b.Context(), "idempotency-key", "k"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			request, reply := &usersv1.GetUserRequest{Id: 1}, new(usersv1.GetUserResponse)
			for b.Loop() {
				if err := conn.Invoke(ctx, usersv1.UsersService_GetUser_FullMethodName, request, reply); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
