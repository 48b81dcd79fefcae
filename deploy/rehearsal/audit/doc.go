// Package audit holds what is on a board after a load against what the board's clients
// have asked for and were told: whether a write was lost, doubled, changed or invented.
// It goes by content, of which no two writes send the same, never by idempotency keys.
package audit
