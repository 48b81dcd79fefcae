package store

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"

	"github.com/splitboard/splitboard/internal/failpoint"
)

// closedBit is set in a gate's state while it is closed; the rest is the number inside.
const closedBit = math.MinInt64

// errOpened says that somebody opened the gate while another waited for it to be
// closed and empty.
var errOpened = errors.New("the gate was opened again")

// A gate counts who uses the file. Once it is closed nobody enters, and when those
// inside have left, nobody uses the file. Entering and leaving are an atomic addition
// each.
type gate struct {
	state atomic.Int64

	mu     sync.Mutex
	barred bool               // while the file is not open, or about to be closed: the gate stays closed
	idle   chan struct{}      // closed when the last one leaves a closed gate; nil: nobody waits for that
	during context.Context    // ends when the gate closes
	end    context.CancelFunc // ends it
}

// newGate gives a gate that is closed and barred.
func newGate() *gate {
	g := &gate{barred: true}
	g.state.Store(closedBit)
	g.during, g.end = context.WithCancel(context.Background())
	g.end()
	return g
}

// enter tells whether the caller is inside now. If so, it must leave. Nobody enters
// twice: one who is inside and waits to enter again would hold up the gate's closing.
func (g *gate) enter() bool {
	// To look first keeps those who find it closed from counting.
	if g.state.Load() < 0 && !failpoint.Off(failpoint.Gate) {
		return false
	}
	if g.state.Add(1) < 0 && !failpoint.Off(failpoint.Gate) {
		g.leave()
		return false
	}
	return true
}

func (g *gate) leave() {
	if g.state.Add(-1) == closedBit {
		g.wake()
	}
}

// wake lets those who wait look again.
func (g *gate) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

func (g *gate) isClosed() bool { return g.state.Load() < 0 }

// close lets nobody in any more.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.Or(closedBit)
	g.end()
}

// bar closes the gate so that it cannot be opened.
func (g *gate) bar() {
	g.close()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.barred = true
}

// unbar lets the gate be opened.
func (g *gate) unbar() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.barred = false
}

// open lets everybody in, unless the gate is barred.
func (g *gate) open() {
	g.mu.Lock()
	if !g.barred && g.isClosed() {
		g.during, g.end = context.WithCancel(context.Background())
		g.state.And(^closedBit)
	}
	g.mu.Unlock()
	g.wake()
}

// drain waits until nobody is inside a closed gate. It returns ctx's error, or errOpened.
func (g *gate) drain(ctx context.Context) error {
	for {
		g.mu.Lock()
		if g.idle == nil {
			g.idle = make(chan struct{})
		}
		idle := g.idle
		g.mu.Unlock()
		switch state := g.state.Load(); {
		case state == closedBit, failpoint.Off(failpoint.Gate):
			return nil
		case state >= 0:
			return errOpened
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// closing gives a context that ends when the gate closes. Who asks is inside.
func (g *gate) closing() context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.during
}
