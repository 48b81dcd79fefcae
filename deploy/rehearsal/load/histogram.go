package load

import (
	"math/bits"
	"time"
)

// steps is how many classes a histogram has for each doubling: a class is at most a
// 32nd wide, and its middle at most 1.6 % wrong.
const (
	stepBits = 5
	steps    = 1 << stepBits
)

// maxMicros is the longest time that a histogram tells from longer ones: two minutes.
const maxMicros = 1<<27 - 1

// A histogram counts times in classes of a few per cent. The zero value is empty.
type histogram struct {
	n      int
	max    time.Duration
	counts [(27-stepBits)*steps + steps]uint32
}

func (h *histogram) add(d time.Duration) {
	h.n++
	h.max = max(h.max, d)
	h.counts[class(d)]++
}

// quantile gives the time that the share q of all does not exceed; 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	left := int(q * float64(h.n))
	for i, c := range h.counts {
		if left -= int(c); left < 0 {
			return min(middle(i), h.max)
		}
	}
	return h.max
}

// class gives the number of the class that a time is in: its microseconds below 64, and
// above that its highest 6 bits.
func class(d time.Duration) int {
	v := uint64(min(max(d.Microseconds(), 0), maxMicros))
	shift := max(bits.Len64(v)-stepBits-1, 0)
	return shift<<stepBits + int(v>>shift) //nolint:gosec // less than 64
}

// middle gives the time in the middle of a class.
func middle(i int) time.Duration {
	shift := max(i>>stepBits-1, 0)
	low := (i - shift<<stepBits) << shift
	return time.Duration(2*low+1<<shift-1) * time.Microsecond / 2
}
