// Package posts is the service that keeps the board's posts: its schema, its store and
// its gRPC server. [Service] is what a process embeds.
package posts
