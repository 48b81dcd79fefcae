// Package forward carries a service's calls from the processes that do not own its store
// to the one that does, over its unix socket.
//
// gRPC over the same socket would cost more than twice as much processor time, so this is
// a protocol of its own, and a small one: frames that hold a Call or an Answer (see
// proto/splitboard/forward/v1), many calls at a time on one connection, no streams, no
// flow control but that a side which is behind stops reading. The operator's calls go over
// the same socket as gRPC: [Split] tells connections apart by their first bytes.
//
// A [Server] runs the calls, a [Conn] sends them. Nothing is ever sent twice: a call whose
// connection is lost fails with [ErrLost], and its caller decides. A caller that gives up
// tells nobody: calls are short, and have deadlines.
//
//	frame.go   what goes over the wire     conn.go     the calling side, and
//	split.go   two protocols, one socket   session.go  one connection of it
//	server.go  the answering side, and     writer.go   how both sides write
//	peer.go    one connection of it
package forward
