// Package threads is the service that keeps the board's threads: its schema, its store and
// its gRPC server. [Service] is what a process embeds.
package threads
