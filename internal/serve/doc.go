// Package serve is a process's life: its flags and subcommands, its listeners, its
// readiness, and its ordered and bounded end.
//
// A program is a [Binary]; its main.go is one call of [Main]. Tests give [Start] the
// same value. What happens at the start, and in reverse at the end, is the table in
// steps.go. What every request passes through is in chain.go for RPCs and in http.go
// for HTTP.
//
// SIGTERM drains: for the time that --drain says, the process answers everything but
// says that it is not ready, and closes connections after their next answer. Then it
// stops. SIGINT, which comes from a person at a terminal, stops without the pause. A
// second signal ends the process at once.
//
// Exit codes: 0 is success, 1 a failure, 2 a wrong flag or argument, 3 a store that
// another process holds; 128 and the signal's number after a second signal.
package serve
