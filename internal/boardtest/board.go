package boardtest

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// A Board is where a running board is reached, each as host:port.
type Board struct {
	// REST is the REST face.
	REST string
	// Users, Threads and Posts are the services' gRPC addresses. They may be one
	// and the same.
	Users, Threads, Posts string
}

// A Starter starts a board, which ends with the test. seed is the JSON file that its
// empty stores are filled with, or "".
type Starter func(t *testing.T, seed string) Board

// Run runs the suite against boards that start gives: the sample board, which is
// only read, and one that is written to.
func Run(t *testing.T, start Starter) {
	sample := dial(t, start(t, sampleFile(t)))
	scratch := dial(t, start(t, ""))

	t.Run("REST", func(t *testing.T) {
		runREST(t, sample, readCases())
		runREST(t, scratch, writeCases())
		t.Run("methods", func(t *testing.T) { runMethods(t, sample) })
		t.Run("head", func(t *testing.T) { runHead(t, sample) })
		t.Run("connection", func(t *testing.T) { runConnection(t, sample) })
	})
	t.Run("gRPC", func(t *testing.T) {
		runUsers(t, scratch)
		runThreads(t, scratch)
		runPosts(t, scratch)
		runProtocol(t, scratch)
	})
	t.Run("tokens", func(t *testing.T) { runTokens(t, scratch, sample) })
}

// clients is a board with a client for each of its services.
type clients struct {
	Board
	conns   map[string]*grpc.ClientConn // by service: "users" and so on
	users   usersv1.UsersServiceClient
	threads threadsv1.ThreadsServiceClient
	posts   postsv1.PostsServiceClient
}

func dial(t *testing.T, b Board) *clients {
	t.Helper()
	connect := func(addr string) *grpc.ClientConn {
		conn, err := grpc.NewClient("passthrough:///"+addr,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDisableRetry(),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	c := &clients{Board: b, conns: map[string]*grpc.ClientConn{
		"users": connect(b.Users), "threads": connect(b.Threads), "posts": connect(b.Posts),
	}}
	c.users = usersv1.NewUsersServiceClient(c.conns["users"])
	c.threads = threadsv1.NewThreadsServiceClient(c.conns["threads"])
	c.posts = postsv1.NewPostsServiceClient(c.conns["posts"])
	return c
}

// timeout bounds one exchange with a board. It is far beyond what any should need.
const timeout = 30 * time.Second

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return ctx
}
