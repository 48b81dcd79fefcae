// Package observe makes the process tell what it does: its own log, request ids,
// and one access-log line for every request over HTTP and gRPC.
//
// The log ([NewLogger]) is for what an operator should read, and goes through
// slog. The access log ([AccessLog]) is for machines: its lines are appended by
// hand to a buffer, because slog costs 1 to 2.5 µs a line on every request. Both
// write the same two formats, so one parser reads both.
//
// No body, header or query string is ever logged: bodies and page tokens are the
// clients' own, and idempotency keys are as good as passwords for an answer.
package observe
