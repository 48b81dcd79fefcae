// Package durability holds tests of the board's programs as real processes, which are
// killed and halted under load. A kill must lose no acknowledged write, and a retry
// must double none; controls, which acknowledge too early or retry without keys,
// show that the checker would see it.
package durability
