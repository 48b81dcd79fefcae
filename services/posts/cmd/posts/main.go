// Command posts is the posts service on its own: its store, its gRPC server and its part of
// the REST API. Run "posts help" for its commands.
package main

import (
	"github.com/splitboard/splitboard/edge"
	"github.com/splitboard/splitboard/internal/serve"
	"github.com/splitboard/splitboard/services/posts"
)

func main() {
	serve.Main(serve.Binary{
		Name:     "posts",
		About:    "Keeps the posts of a message board: gRPC, and the REST paths under /api/posts.",
		Services: []serve.Service{posts.Service()},
		REST:     edge.New,
	})
}
