package edge

import (
	"context"
	"time"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/budget"
)

const (
	// exempt is how large a body or an answer may be without counting. Nearly all are
	// smaller; as many of them as there may be connections are no burden.
	exempt = 16 << 10
	// maxHeld is what all larger ones may take together. A client that sends or reads
	// slowly holds its body or answer in memory for as long as a minute, and the smallest
	// task has 256 MiB.
	maxHeld = 48 << 20
)

// memory is what is left for large bodies and answers.
var memory = budget.New(maxHeld)

// hold makes the buffer count with the given size, until it is freed. It returns
// apierr.ErrOverloaded if the budget has no such room.
func (b *buffer) hold(bytes int) error {
	more := int64(bytes) - b.held
	if bytes <= exempt || more <= 0 {
		return nil
	}
	if !memory.Take(more) {
		return apierr.ErrOverloaded
	}
	b.held += more
	return nil
}

const (
	// maxLists is how many pages of one service are read and written as JSON at a time.
	// That is work for the processor alone; more at once would be no faster, and each
	// takes up to 10 MiB meanwhile.
	maxLists = 16
	// maxTurn is how long a request waits for its turn.
	maxTurn = 2 * time.Second
)

// A gate lets in maxLists at a time, in the order in which they came.
type gate chan struct{}

func newGate() gate { return make(gate, maxLists) }

// enter waits for room. It returns apierr.ErrOverloaded if there is none for long, and
// the context's error.
func (g gate) enter(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	default:
	}
	late := time.NewTimer(maxTurn)
	defer late.Stop()
	select {
	case g <- struct{}{}:
		return nil
	case <-late.C:
		return apierr.ErrOverloaded
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) leave() { <-g }
