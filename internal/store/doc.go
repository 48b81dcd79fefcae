// Package store keeps one service's data in one bbolt file.
//
// A [Store] lives as long as the process and its users keep it, while its file opens and
// closes under them: only the process that holds the service's lock has it open. A gate
// stands around everything that uses the file. Closing the gate and waiting until nobody
// is inside is how a store is given up with nothing half done.
//
// [Store.View] reads and [Mutate] writes; there is no other way in. All changes go
// through one committer goroutine, which runs what is queued in one transaction and
// pays one fsync for all of it. A change that fails is undone inside that
// transaction, so it leaves no trace and its neighbours commit. A change made under
// an idempotency key, a client's or a forwarder's, is remembered with its answer in the
// same transaction. A watchdog ends a process whose commits do not end.
//
// Beside the service's buckets every file has `meta` (who the store is, where it
// stands) and the idempotency keys; see meta.go. The rows of all buckets but meta
// have a rolling checksum, kept row by row, so that two processes can compare
// stores without reading them.
package store
