// Package load is the board's clients in a rehearsal: people who read and write over
// REST and gRPC, never send a request a second time, and write down what they asked and
// what they were told.
package load
