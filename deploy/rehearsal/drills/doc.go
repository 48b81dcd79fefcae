// Package drills has no code of its own: its tests run the board's programs as real
// processes, and do to them under load what is done to a board in its life, and worse.
// Stores are handed to and fro, owners are killed, processes are terminated one after
// another. Each drill ends with an audit of all that was acknowledged.
//
// A check that guards a promise has a control: the same drill with the promise switched
// off, by a fail point, which the check must notice.
//
// By default the drills are short. Their flags make them long.
package drills
