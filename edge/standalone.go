package edge

import (
	"net/http"

	"google.golang.org/grpc"
)

// Standalone returns the REST face of services in other processes: New's, and /healthz,
// which tells how each of them is. A call has its deadline from the connection, as
// package peer dials it.
func Standalone(conns map[string]grpc.ClientConnInterface, draining func() bool) http.Handler {
	return newFace(conns, draining, route{path: "/healthz", get: healthz(conns, draining)})
}
