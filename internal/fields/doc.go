// Package fields checks the fields of requests. It gathers every violation, so that a
// client learns of all of them at once, and names fields as JSON does, over gRPC too.
package fields
