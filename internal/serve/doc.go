// Package serve is a process's life: its flags and subcommands, its listeners,
// its readiness, and its ordered and bounded end.
package serve
