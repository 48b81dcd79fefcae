package users

import (
	_ "embed"

	"google.golang.org/grpc"

	"github.com/splitboard/splitboard/internal/serve"
	"github.com/splitboard/splitboard/internal/store"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// sample is the users of the sample board.
//
//go:embed sample.json
var sample []byte

// Service is the users service as a process embeds it.
func Service() serve.Service {
	return serve.Service{
		Name:   "users",
		Schema: Schema,
		Desc:   &usersv1.UsersService_ServiceDesc,
		New: func(s *store.Store, _ map[string]grpc.ClientConnInterface) any {
			return NewServer(s)
		},
		Table:  Table(),
		Sample: sample,
	}
}
