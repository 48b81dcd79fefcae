package threads

import (
	_ "embed"

	"google.golang.org/grpc"

	"github.com/splitboard/splitboard/internal/serve"
	"github.com/splitboard/splitboard/internal/store"

	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// sample is the threads of the sample board.
//
//go:embed sample.json
var sample []byte

// Service is the threads service as a process embeds it. It asks users.
func Service() serve.Service {
	return serve.Service{
		Name:   "threads",
		Schema: Schema,
		Peers:  []string{"users"},
		Desc:   &threadsv1.ThreadsService_ServiceDesc,
		New: func(s *store.Store, peers map[string]grpc.ClientConnInterface) any {
			return NewServer(s, usersv1.NewUsersServiceClient(peers["users"]))
		},
		Table:  Table(),
		Sample: sample,
	}
}
