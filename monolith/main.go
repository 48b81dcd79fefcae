// Command monolith is the whole board in one process: the three services with their
// stores, one gRPC server and one REST API. Run "monolith help" for its commands.
package main

import (
	"github.com/splitboard/splitboard/edge"
	"github.com/splitboard/splitboard/internal/serve"
	"github.com/splitboard/splitboard/services/posts"
	"github.com/splitboard/splitboard/services/threads"
	"github.com/splitboard/splitboard/services/users"
)

func main() {
	serve.Main(serve.Binary{
		Name:     "monolith",
		About:    "A message board in one process: users, threads and posts over REST and gRPC.",
		Services: []serve.Service{users.Service(), threads.Service(), posts.Service()},
		REST:     edge.New,
	})
}
