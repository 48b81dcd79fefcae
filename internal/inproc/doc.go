// Package inproc calls gRPC services that live in the same process.
//
// A [Conn] is both ends at once: services register with it as with a
// [grpc.Server], and generated clients call through it as through a
// [grpc.ClientConn]. Every call runs the interceptors that the network's server
// runs, and looks to both sides as a call over the network does: what the
// handler sees of metadata, peer and stream is this call's own, never that of a
// call around it, and every error that comes back is a status.
//
// There are two differences. Messages are handed over without being copied in
// depth: what a request or a response points to is shared, so a caller must not
// change a request once it is sent, nor a handler a response once it is
// returned, and neither may write into what it received. And a call returns when its handler
// does: a caller whose context ends waits until the handler has noticed.
package inproc
