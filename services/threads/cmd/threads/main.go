// Command threads is the threads service on its own: its store, its gRPC server and its part of
// the REST API. Run "threads help" for its commands.
package main

import (
	"github.com/splitboard/splitboard/edge"
	"github.com/splitboard/splitboard/internal/serve"
	"github.com/splitboard/splitboard/services/threads"
)

func main() {
	serve.Main(serve.Binary{
		Name:     "threads",
		About:    "Keeps the threads of a message board: gRPC, and the REST paths under /api/threads.",
		Services: []serve.Service{threads.Service()},
		REST:     edge.New,
	})
}
