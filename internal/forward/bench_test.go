package forward_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/forward"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

type benchUsers struct {
	usersv1.UnimplementedUsersServiceServer
}

var benchUser = &usersv1.GetUserResponse{User: &usersv1.User{Id: 1, Name: "users/1", Username: "ada", Bio: "wrote the first program there was"}}

func (benchUsers) GetUser(context.Context, *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
	return benchUser, nil
}

// BenchmarkCall compares a call with one of gRPC's over the same kind of socket.
func BenchmarkCall(b *testing.B) {
	dir := socketDir(b)
	ln, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		b.Fatal(err)
	}
	rest, calls := forward.Split(ln)
	g := grpc.NewServer()
	usersv1.RegisterUsersServiceServer(g, benchUsers{})
	go g.Serve(rest)
	defer g.Stop()
	s := forward.NewServer(func(ctx context.Context, call *forward.Call) (proto.Message, error) {
		req := new(usersv1.GetUserRequest)
		if err := proto.Unmarshal(call.Message, req); err != nil {
			return nil, err
		}
		return benchUsers{}.GetUser(ctx, req)
	}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	go s.Serve(calls)
	defer s.Shutdown(b.Context())

	conn := forward.Dial(ln.Addr().String())
	defer conn.Close()
	gconn, err := grpc.NewClient("unix://"+ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	defer gconn.Close()
	method := usersv1.UsersService_GetUser_FullMethodName
	ways := map[string]func(ctx context.Context, req, reply proto.Message) error{
		"forward": func(ctx context.Context, req, reply proto.Message) error {
			return conn.Invoke(ctx, forward.Call{Method: method, RequestID: "0123456789abcdef0123456789abcdef"}, req, reply)
		},
		"grpc": func(ctx context.Context, req, reply proto.Message) error {
			return gconn.Invoke(ctx, method, req, reply)
		},
	}
	for name, call := range ways {
		for _, p := range []int{1, 16} {
			b.Run(name+map[int]string{1: "/2", 16: "/32"}[p]+"-callers", func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(p)
				before := cpu()
				b.RunParallel(func(pb *testing.PB) {
					req := &usersv1.GetUserRequest{Id: 1}
					for pb.Next() {
						if err := call(b.Context(), req, new(usersv1.GetUserResponse)); err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
			})
		}
	}
}
