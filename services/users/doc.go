// Package users is the service that keeps the board's users: its schema, its store and
// its gRPC server. [Service] is what a process embeds.
package users
