// Package peer connects a process to the board's other services over gRPC.
//
// A connection has a list of targets in order of preference and uses the first that
// answers. It looks names up again whenever it reconnects, is back within half a
// second of its target, and tries reads again by itself; writes are left to the
// caller, who knows whether they have an idempotency key.
//
// A target is host:port, or srv:NAME for tasks whose ports are known to DNS alone: then
// the SRV records of NAME say where the service is at the moment.
package peer
