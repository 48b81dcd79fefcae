package posts

import (
	_ "embed"

	"google.golang.org/grpc"

	"github.com/splitboard/splitboard/internal/serve"
	"github.com/splitboard/splitboard/internal/store"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// sample is the posts of the sample board.
//
//go:embed sample.json
var sample []byte

// Service is the posts service as a process embeds it. It asks threads and users.
func Service() serve.Service {
	return serve.Service{
		Name:   "posts",
		Schema: Schema,
		Peers:  []string{"threads", "users"},
		Desc:   &postsv1.PostsService_ServiceDesc,
		New: func(s *store.Store, peers map[string]grpc.ClientConnInterface) any {
			return NewServer(s, threadsv1.NewThreadsServiceClient(peers["threads"]), usersv1.NewUsersServiceClient(peers["users"]))
		},
		Table:  Table(),
		Sample: sample,
	}
}
