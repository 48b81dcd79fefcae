// Package lease decides which process serves a store, and moves that right between
// processes while requests keep coming.
//
// The right to open a service's store is a flock on the file `lock` in its data
// folder: its holder is the store's owner. The kernel frees it when the process ends,
// however it ends, so it can be neither stale nor forgotten. Every process of the
// service listens on a unix socket of its own there, named after the random instance
// id that it gave itself: in containers every process has the same pid. `owner.json`
// says who holds the lock: a hint, never the truth. `journal.jsonl` says who held it
// when, for people.
//
// A [Lease] is one process's part in this for one store. Its interceptors run a call
// here if the process owns the store, and otherwise forward it to the owner, once: what
// arrives on the unix socket is never forwarded again. A call that finds no owner is
// held until there is one, or for two seconds. A write that is forwarded or held gets a
// key, so that trying it again after an owner was lost never does it twice.
//
// A handoff is, at the owner: ask the target; close the gate around the store; wait for
// the work in flight; record it; tell the target, which from then on waits for the
// lock; close the store; unlock. And at the target: lock; open the store, which counts a
// new epoch; compare with what was told; open the gate; publish.
//
//	lock.go      the lock and its file          lease.go    a process's part, and its state
//	owner.go     the hint                       acquire.go  becoming the owner
//	journal.go   the record of who owned when   route.go    the interceptors
//	socket.go    the sockets                    hold.go     requests that wait for an owner
//	link.go      connections to the others      find.go     finding the owner
//	handoff.go   a handoff at the owner         takeover.go a handoff at the target
package lease
