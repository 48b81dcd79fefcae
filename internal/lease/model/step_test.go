package model

import (
	"fmt"
	"iter"
	"slices"
)

// kind says who takes a step.
type kind uint8

const (
	// protocol steps are what processes do by themselves, running into a time limit
	// included. Progress may rely on these alone.
	protocol kind = iota
	// trouble is all that comes from outside.
	trouble
)

// over says which pairs of p and q a step is for.
type over uint8

const (
	alone      over = iota // p is a process
	withOther              // p and q are two processes
	withWrite              // p is a process and q a write
	justWrite              // p is a write
	noProcess              // neither
	withAnyone             // p is a process, or nobody
)

// A step is one line of the protocol. A step of the protocol itself is process p's: it is
// running and in one of the phases from, does what it does at one moment, if it can, and
// is then in the phase to.
type step struct {
	name string // of the fail point, if it is one
	kind kind
	over over
	from phases // 0: whatever phase
	to   phase  // stays being the same phase
	do   func(w *world, p, q uint8) bool
	says string
}

// stays is where a step goes that leaves the phase alone, or sets it itself.
const stays phase = 0xff

// steps are all of them.
var steps = slices.Concat(takeover, handoff, requests, troubles)

// A world is a state on which a step works.
type world struct {
	state
	*config

	broken string // the promise that the step broke
}

func (w *world) fail(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}

// next gives every step that can be taken in a state, and what comes of it.
func (m *config) next(s state) iter.Seq2[transition, *world] {
	return func(yield func(transition, *world) bool) {
		w := &world{config: m}
		try := func(st *step, p, q uint8) bool {
			if self := &s.processes; st.kind == protocol && (self[p].run != up || st.from != 0 && !st.from.has(self[p].phase)) {
				return true
			}
			w.state, w.broken = s, ""
			if !st.do(w, p, q) {
				return true
			}
			if st.to != stays {
				w.processes[p].phase = st.to
			}
			w.look()
			w.normalize()
			return yield(transition{st, int8(p), int8(q)}, w)
		}
		processes, writes := uint8(m.size), uint8(m.clients)
		for i := range steps {
			st := &steps[i]
			var first, second uint8
			switch st.over {
			case alone:
				first, second = processes, 1
			case withOther:
				first, second = processes, processes
			case withWrite:
				first, second = processes, writes
			case justWrite:
				first, second = writes, 1
			case noProcess:
				first, second = 1, 1
			case withAnyone:
				first, second = processes+1, 1
			}
			for p := range first {
				if st.over == withAnyone && p == processes {
					p = nobody
				}
				for q := range second {
					if st.over == withOther && p == q {
						continue
					}
					if !try(st, p, q) {
						return
					}
				}
			}
		}
	}
}

// describe says who did what.
func (m *config) describe(by transition) string {
	if by.step == nil {
		return "start"
	}
	p, q := uint8(by.p), uint8(by.q)
	switch by.step.over {
	case withOther:
		return fmt.Sprintf("%s→%s %s", who(p), who(q), by.step.name)
	case withWrite:
		return fmt.Sprintf("%s w%d %s", who(p), q+1, by.step.name)
	case justWrite:
		return fmt.Sprintf("w%d %s", p+1, by.step.name)
	case noProcess:
		return by.step.name
	case alone, withAnyone:
	}
	return who(p) + " " + by.step.name
}
