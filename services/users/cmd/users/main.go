// Command users is the users service on its own: its store, its gRPC server and its part of
// the REST API. Run "users help" for its commands.
package main

import (
	"github.com/splitboard/splitboard/edge"
	"github.com/splitboard/splitboard/internal/serve"
	"github.com/splitboard/splitboard/services/users"
)

func main() {
	serve.Main(serve.Binary{
		Name:     "users",
		About:    "Keeps the users of a message board: gRPC, and the REST paths under /api/users.",
		Services: []serve.Service{users.Service()},
		REST:     edge.New,
	})
}
