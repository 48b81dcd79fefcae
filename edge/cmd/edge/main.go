// Command edge is the board's REST API in front of services that run elsewhere, for
// places whose load balancer has no path rules. Run "edge help" for its commands.
package main

import (
	"github.com/splitboard/splitboard/edge"
	"github.com/splitboard/splitboard/internal/serve"
)

func main() {
	serve.Main(serve.Binary{
		Name:      "edge",
		About:     "The REST API of a message board whose services run elsewhere.",
		Upstreams: []string{"users", "threads", "posts"},
		REST:      edge.Standalone,
	})
}
