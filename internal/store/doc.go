// Package store keeps one service's data in one bbolt file.
//
// [Store.View] reads and [Mutate] writes; there is no other way in. All changes go
// through one committer goroutine, which runs what is queued in one transaction and
// pays one fsync for all of it. A change that fails is undone inside that
// transaction, so it leaves no trace and its neighbours commit. A change made under
// an idempotency key is remembered with its answer in the same transaction.
//
// Beside the service's buckets every file has `meta` (who the store is, where it
// stands) and the idempotency keys; see meta.go. The rows of all buckets but meta
// have a rolling checksum, kept row by row, so that two processes can compare
// stores without reading them.
package store
