// Package model has a small model of how processes own a store and hand it over, and a
// checker that visits every state that the model can reach. All of it is in the tests.
// `go test -v` prints how many states there are and how deep they lie and, for each
// mistake that is put in on purpose, a shortest way to the harm that it does; `-large`
// visits models of millions of states as well.
//
// The protocol is a table of steps, each with what it does in words: takeover is how a
// process comes to own the store, by itself or as the target of a handoff, handoff is
// how it gives it away, requests is how a write is run, held, forwarded and tried again,
// and troubles is all that can happen to them. Steps after which the programs have a
// fail point have its name.
//
// A state has two or three processes, the lock file (its path, and who has which inode
// open and locked), the store (its epoch, and how often each write is in it), owner.json
// and one or two writes of clients. Left out are time (what has a time limit may end at
// any moment), reads, sizes, the end of a retry key's 60 s, and who is told to stay a
// forwarder: that is a process which does not try. A failed commit ends the process.
//
// What is asked of every state and every step:
//
//   - no two processes have the store open; none commits in an epoch in which another
//     has, or after a later one has begun;
//   - who commits holds the lock on the file that the path names;
//   - a write is in the store once at most, and whoever serves has every write that was
//     acknowledged;
//   - a call is forwarded once at most;
//   - the target of a handoff that is not broken off finds what it was told, and nobody
//     refuses a store that is no older than that;
//   - while nobody is stopped, the protocol's steps alone lead from every state to one in
//     which a process owns and every request is answered.
//
// bbolt's own lock on the store's file, the second fence, is off in this: the first lock
// has to do alone, and does, even if a person replaces its file while nobody holds it. A
// person who replaces it under an owner defeats it, as one of the mistakes shows; with
// the second fence on, that does no harm either.
//
// The kernel is not trusted to give a free lock to who came first: a candidate that tries
// at the right moment may be quicker than the target. And nothing but the lock wakes a
// waiter: one whose handoff has come to nothing waits on, and lets the lock go when it
// comes.
package model
