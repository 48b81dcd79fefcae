// Package cast holds the actors of a rehearsal: the board's programs, built from this
// repository, as real processes that are started, halted and killed, and the commands
// that their operator gives.
package cast
