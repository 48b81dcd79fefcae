package boardtest

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// runProtocol tries what all gRPC faces have: idempotency keys, limits, health and
// reflection.
func runProtocol(t *testing.T, b *clients) {
	t.Run("idempotency", func(t *testing.T) { runKeys(t, b) })

	t.Run("a message over the limit", func(t *testing.T) {
		_, err := b.users.CreateUser(deadline(t), &usersv1.CreateUserRequest{User: &usersv1.User{Username: "a", Name: strings.Repeat("x", 4*mebibyte)}})
		if status.Code(err) != codes.ResourceExhausted {
			t.Errorf("4 MiB: %v", err)
		}
		_, err = b.users.CreateUser(deadline(t), &usersv1.CreateUserRequest{User: &usersv1.User{Username: "a", Name: strings.Repeat("x", mebibyte)}})
		wantFailure(t, err, "INVALID_FIELD", "name")
	})

	t.Run("metadata over the limit", func(t *testing.T) {
		ctx := metadata.AppendToOutgoingContext(deadline(t), "x-filler", strings.Repeat("x", mebibyte))
		_, err := b.users.GetUser(ctx, &usersv1.GetUserRequest{Id: 1})
		if err == nil {
			t.Error("1 MiB of metadata was taken")
		}
	})

	t.Run("request id", func(t *testing.T) {
		var header metadata.MD
		ctx := metadata.AppendToOutgoingContext(deadline(t), "x-request-id", "r-1")
		if _, err := b.users.ListUsers(ctx, &usersv1.ListUsersRequest{}, grpc.Header(&header)); err != nil {
			t.Fatal(err)
		}
		if got := header.Get("x-request-id"); !slices.Equal(got, []string{"r-1"}) {
			t.Errorf("the request id came back as %q", got)
		}
	})

	services := map[string]string{
		"users":   usersv1.UsersService_ServiceDesc.ServiceName,
		"threads": threadsv1.ThreadsService_ServiceDesc.ServiceName,
		"posts":   postsv1.PostsService_ServiceDesc.ServiceName,
	}
	for name, service := range services {
		conn := b.conns[name]
		t.Run(name, func(t *testing.T) {
			t.Run("health", func(t *testing.T) {
				client := healthv1.NewHealthClient(conn)
				for _, asked := range []string{"", service} {
					res, err := client.Check(deadline(t), &healthv1.HealthCheckRequest{Service: asked})
					if err != nil || res.GetStatus() != healthv1.HealthCheckResponse_SERVING {
						t.Errorf("the health of %q is %v, %v", asked, res, err)
					}
				}
				if _, err := client.Check(deadline(t), &healthv1.HealthCheckRequest{Service: "nothing"}); status.Code(err) != codes.NotFound {
					t.Errorf("the health of an unknown service: %v", err)
				}
			})
			t.Run("reflection", func(t *testing.T) {
				listed := reflectedServices(t, conn)
				if !slices.Contains(listed, service) {
					t.Errorf("%s is not among %q", service, listed)
				}
				if slices.Contains(listed, adminv1.AdminService_ServiceDesc.ServiceName) {
					t.Errorf("the operator's service is on the public port: %q", listed)
				}
			})
			t.Run("unknown", func(t *testing.T) {
				for _, method := range []string{"/splitboard.nothing.v1.NothingService/GetNothing", "/" + service + "/DropEverything"} {
					err := conn.Invoke(deadline(t), method, &usersv1.GetUserRequest{Id: 1}, &usersv1.GetUserResponse{})
					if status.Code(err) != codes.Unimplemented {
						t.Errorf("%s: %v", method, err)
					}
				}
			})
			t.Run("no operator's service", func(t *testing.T) {
				admin := adminv1.NewAdminServiceClient(conn)
				if _, err := admin.GetStatus(deadline(t), &adminv1.GetStatusRequest{}); status.Code(err) != codes.Unimplemented {
					t.Errorf("GetStatus: %v", err)
				}
				stream, err := admin.Backup(deadline(t), &adminv1.BackupRequest{Service: name})
				if err == nil {
					_, err = stream.Recv()
				}
				if status.Code(err) != codes.Unimplemented {
					t.Errorf("Backup: %v", err)
				}
			})
		})
	}
}

func reflectedServices(t *testing.T, conn *grpc.ClientConn) []string {
	t.Helper()
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	request := &reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
	res, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, 8)
	for _, s := range res.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	return names
}

// runKeys sends calls again under the same key.
func runKeys(t *testing.T, b *clients) {
	t.Run("the same create", func(t *testing.T) {
		ctx := withKeys(t, unique())
		req := &usersv1.CreateUserRequest{User: &usersv1.User{Username: unique(), Name: "A"}}
		first, err := b.users.CreateUser(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		again, err := b.users.CreateUser(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "the second answer", again, first)
		other := proto.CloneOf(req)
		other.User.Name = "B"
		_, err = b.users.CreateUser(ctx, other)
		wantFailure(t, err, "IDEMPOTENCY_KEY_REUSED")
		_, err = b.users.UpdateUser(ctx, &usersv1.UpdateUserRequest{Id: first.GetUser().GetId(), User: req.GetUser()})
		wantFailure(t, err, "IDEMPOTENCY_KEY_REUSED")
	})
	t.Run("the same change", func(t *testing.T) {
		ctx := withKeys(t, unique())
		th := b.someThread(t)
		req := &threadsv1.UpdateThreadRequest{Id: th.GetId(), Thread: &threadsv1.Thread{Title: "T"}, Etag: th.GetEtag()}
		first, err := b.threads.UpdateThread(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		again, err := b.threads.UpdateThread(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "the second answer", again, first)
	})
	t.Run("the same delete", func(t *testing.T) {
		ctx := withKeys(t, unique())
		req := &postsv1.DeletePostRequest{Id: b.somePost(t).GetId()}
		for range 2 {
			if _, err := b.posts.DeletePost(ctx, req); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("many at once", func(t *testing.T) {
		ctx := withKeys(t, unique())
		th := b.someThread(t)
		req := &postsv1.CreatePostRequest{Post: &postsv1.Post{Thread: th.GetId(), Text: "A", User: th.GetCreatedBy()}}
		const calls = 16
		results := make(chan error, calls)
		for range calls {
			go func() {
				_, err := b.posts.CreatePost(ctx, req)
				results <- err
			}()
		}
		for range calls {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		got, err := inThreadListing(b, th.GetId()).all(deadline(t), 10, "")
		if err != nil || len(got) != 1 {
			t.Errorf("%d calls at once with one key made %d posts, %v", calls, len(got), err)
		}
	})
	t.Run("a failure is not remembered", func(t *testing.T) {
		ctx := withKeys(t, unique())
		user := b.someUser(t)
		_, err := b.users.CreateUser(ctx, &usersv1.CreateUserRequest{User: &usersv1.User{Username: user.GetUsername(), Name: "A"}})
		wantFailure(t, err, "USERNAME_TAKEN", "username")
		if _, err := b.users.CreateUser(ctx, &usersv1.CreateUserRequest{User: &usersv1.User{Username: unique(), Name: "A"}}); err != nil {
			t.Error(err)
		}
	})
	t.Run("bad keys", func(t *testing.T) {
		for _, keys := range [][]string{{""}, {"a b"}, {strings.Repeat("k", 256)}, {"a", "b"}, {"a", "a"}} {
			_, err := b.users.CreateUser(withKeys(t, keys...), &usersv1.CreateUserRequest{User: &usersv1.User{Username: unique(), Name: "A"}})
			wantFailure(t, err, "INVALID_IDEMPOTENCY_KEY")
		}
		if _, err := b.users.CreateUser(withKeys(t, strings.Repeat("k", 255)), &usersv1.CreateUserRequest{User: &usersv1.User{Username: unique(), Name: "A"}}); err != nil {
			t.Errorf("a key of 255: %v", err)
		}
	})
}
