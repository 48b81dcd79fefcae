package lease

import (
	"context"
	"sync"
	"time"
)

const (
	// maxHeld is how many requests may wait for an owner in one process, for one store: as
	// many as the listeners let in, so that no planned move refuses one.
	maxHeld = 1024 + 128*64
	// maxHeldBytes is what they may take together. They were read and counted before; this
	// bounds what stays while nobody owns.
	maxHeldBytes = 48 << 20
	// maxHold is how long a request waits for an owner at most.
	maxHold = 2 * time.Second
	// rememberedHolds is how many ended holds are remembered.
	rememberedHolds = 4096
)

// held is the requests that wait for an owner, and what is remembered of earlier ones.
type held struct {
	mu      sync.Mutex
	waiting int
	bytes   int
	total   int64
	longest time.Duration
	ended   []hold // a ring of at most rememberedHolds
	oldest  int    // where the ring begins once it is full
}

// A hold is how long a request waited.
type hold struct {
	end  time.Time
	took time.Duration
}

// enter counts a request in, if there is room for it.
func (h *held) enter(size int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting >= maxHeld || h.bytes+size > maxHeldBytes && h.waiting > 0 {
		return false
	}
	h.waiting++
	h.bytes += size
	h.total++
	return true
}

// leave counts it out.
func (h *held) leave(size int, began time.Time) {
	now := time.Now()
	e := hold{end: now, took: now.Sub(began)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting--
	h.bytes -= size
	h.longest = max(h.longest, e.took)
	if len(h.ended) < rememberedHolds {
		h.ended = append(h.ended, e)
		return
	}
	h.ended[h.oldest] = e
	h.oldest = (h.oldest + 1) % rememberedHolds
}

// any tells whether a request waits.
func (h *held) any() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting > 0
}

func (h *held) totals() (total int64, longest time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.total, h.longest
}

// Holds gives how long each request was held that was let go at since or later, as far
// as it is remembered, in no order.
func (l *Lease) Holds(since time.Time) []time.Duration {
	l.held.mu.Lock()
	defer l.held.mu.Unlock()
	var list []time.Duration
	for _, e := range l.held.ended {
		if !e.end.Before(since) {
			list = append(list, e.took)
		}
	}
	return list
}

// hold makes a request wait until there is another view than v that says where to go. It
// returns ErrNoOwner at the limit, errTooManyHeld, or ctx's error.
func (l *Lease) hold(ctx context.Context, v *view, size int, limit time.Time) error {
	began := time.Now()
	if !l.held.enter(size) {
		return errTooManyHeld
	}
	defer l.held.leave(size, began)
	select {
	case l.wanted <- struct{}{}:
	default: // that is known already
	}
	timer := time.NewTimer(time.Until(limit))
	defer timer.Stop()
	for {
		select {
		case <-v.next:
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return ErrNoOwner
		}
		if v = l.view.Load(); v.role == owning || v.role == forwarding {
			return nil
		}
	}
}
