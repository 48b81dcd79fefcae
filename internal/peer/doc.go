// Package peer connects a process to the board's other services over gRPC.
//
// A connection has a list of targets in order of preference and uses the first that
// answers as a gRPC server does: to take a connection and hang up is no answer. It looks
// names up again whenever it reconnects, is back within half a second of its target, and
// tries reads again by itself; writes are left to the caller, who knows whether they have
// an idempotency key.
//
// A target is host:port, or srv:NAME for tasks whose ports are known to DNS alone: then
// the SRV records of NAME say where the service is at the moment. One of them is used for
// each connect, the first in their order that takes a connection. Where it led nowhere, or
// the connection is over, the next connect leaves that one for last.
package peer
