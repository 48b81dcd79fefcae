package forward_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/forward"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

type benchServer struct {
	usersv1.UnimplementedUsersServiceServer
}

func (benchServer) GetUser(context.Context, *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
	return &usersv1.GetUserResponse{User: bio(100)}, nil
}

// BenchmarkCall compares a call with gRPC's over the same kind of socket.
func BenchmarkCall(b *testing.B) {
	conn := dial(b, listen(b, answering(func(context.Context, int64) (*usersv1.User, error) { return bio(100), nil })).path)
	ln, err := net.Listen("unix", socketPath(b))
	if err != nil {
		b.Fatal(err)
	}
	server := grpc.NewServer()
	usersv1.RegisterUsersServiceServer(server, benchServer{})
	go func() { _ = server.Serve(ln) }()
	b.Cleanup(server.Stop)
	rpc, err := grpc.NewClient("unix://"+ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = rpc.Close() })
	requestID := strings.Repeat("0", 32)
	for _, callers := range []int{1, 2, 32} {
		for name, invoke := range map[string]func(req, reply proto.Message) error{
			"forward": func(req, reply proto.Message) error {
				return conn.Invoke(b.Context(), forward.Call{Method: method, RequestID: requestID}, req, reply)
			},
			"gRPC": func(req, reply proto.Message) error { return rpc.Invoke(b.Context(), method, req, reply) },
		} {
			b.Run(fmt.Sprintf("callers=%d/%s", callers, name), func(b *testing.B) {
				b.ReportAllocs()
				before := processorTime(b)
				callAtOnce(b, callers, invoke)
				b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// callAtOnce shares b.N calls out among callers.
func callAtOnce(b *testing.B, callers int, invoke func(req, reply proto.Message) error) {
	b.Helper()
	ended := make(chan error, callers)
	for i := range callers {
		go func() {
			req := &usersv1.GetUserRequest{Id: 1}
			var err error
			for n := i; n < b.N && err == nil; n += callers {
				err = invoke(req, new(usersv1.GetUserResponse))
			}
			ended <- err
		}()
	}
	for range callers {
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}
