// Package lease decides which process serves a store.
//
// The right to open a service's store is a flock on the file `lock` in its data
// folder. The kernel frees it when the process ends, however it ends, so it can be
// neither stale nor forgotten. Beside it `owner.json` says who holds it: a hint for
// people and programs, never the truth. And each process has a unix socket there,
// for the operator's commands, named after the random instance id that it gave
// itself: in containers every process has the same pid.
//
// For now a process that does not get the lock does not serve.
package lease
