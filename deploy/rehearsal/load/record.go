package load

import "time"

// A Record is a request that was made, once. There may be a million of them.
type Record struct {
	Client   int32
	Kind     Kind
	REST     bool
	NoTarget bool   // a load balancer had nowhere to send it
	Code     uint16 // HTTP's, or gRPC's; 0 if there was no answer over HTTP

	// Due is when the request was to be sent, Start when it was, and End when its answer
	// was there, each since the load began.
	Due, Start, End time.Duration

	// Via is the address that it was sent to.
	Via string
	// Err says why the request failed; empty if it did not.
	Err string

	// ID is the resource's, as the client named it or was told; a list's user or thread.
	ID int64
	// Thread and User are whom a thread or a post that is created belongs to.
	Thread, User int64
	// Content is a user's name, a thread's title or a post's text: what a write sent, or
	// what a read was told. No two writes send the same.
	Content string
	// Match is the etag that an update or a deletion was bound to; empty for none.
	Match string
	// Etag is the resource's etag that the client was told.
	Etag string
	// Key is the idempotency key; empty for none.
	Key string
}

// Failed tells whether the client did not get what it asked for. A write that failed
// may yet have happened.
func (r *Record) Failed() bool { return r.Err != "" }

// Latency is how long the request took from when it was due.
func (r *Record) Latency() time.Duration { return r.End - r.Due }
