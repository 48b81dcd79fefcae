// Package budget bounds what things take together whose number is not bounded enough:
// bytes of bodies and answers that slow clients hold in memory.
package budget

import "sync/atomic"

// A Budget is bytes to be taken and given back. It is safe for concurrent use.
type Budget struct{ left atomic.Int64 }

// New returns a budget of so many bytes.
func New(bytes int64) *Budget {
	b := new(Budget)
	b.left.Store(bytes)
	return b
}

// Take takes bytes, or nothing and returns false if fewer are left.
func (b *Budget) Take(bytes int64) bool {
	if b.left.Add(-bytes) >= 0 {
		return true
	}
	b.left.Add(bytes)
	return false
}

// Give gives bytes back that were taken.
func (b *Budget) Give(bytes int64) { b.left.Add(bytes) }

// Left tells how many bytes there are to be taken.
func (b *Budget) Left() int64 { return b.left.Load() }
