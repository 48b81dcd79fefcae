package model

import (
	"fmt"
	"slices"
	"strings"
)

// A transition says which step was taken and by whom.
type transition struct {
	step *step
	p, q int8
}

// An exploration is all states that a model reaches, in the order of their depth.
type exploration struct {
	model  *config
	states []state
	depth  int

	parents []int32 // the state before, on a shortest way
	via     []transition
	// edges are the protocol's own steps, from and to, between states in which nobody
	// is stopped.
	edges [][2]int32

	taken map[*step]bool

	broken string // the promise that was broken, "" if none was
	at     int    // the state in which it was
}

// explore visits every state of a model, nearest first, until a promise is broken.
func explore(m *config) *exploration {
	x := &exploration{model: m, taken: map[*step]bool{}}
	index := map[state]int32{}
	visit := func(s state, parent int32, by transition) int32 {
		i, known := index[s]
		if !known {
			i = int32(len(x.states))
			index[s] = i
			x.add(s, parent, by)
		}
		return i
	}
	visit(m.start(), -1, transition{})
	for i := 0; i < len(x.states); x.depth++ {
		for level := len(x.states); i < level; i++ {
			from := int32(i)
			calm := x.states[i].calm()
			for by, w := range m.next(x.states[i]) {
				x.taken[by.step] = true
				if w.broken != "" {
					x.broken, x.at = w.broken, len(x.states)
					x.add(w.state, from, by)
					return x
				}
				to := visit(w.state, from, by)
				if calm && by.step.kind == protocol {
					x.edges = append(x.edges, [2]int32{from, to})
				}
			}
		}
	}
	x.progress()
	return x
}

func (x *exploration) add(s state, parent int32, by transition) {
	x.states = append(x.states, s)
	x.parents = append(x.parents, parent)
	x.via = append(x.via, by)
}

// progress walks back from the states in which all is well, and looks for one from
// which none of them can be reached.
func (x *exploration) progress() {
	begin := make([]int32, len(x.states)+1) // of the edges into a state
	for _, e := range x.edges {
		begin[e[1]+1]++
	}
	for i := range x.states {
		begin[i+1] += begin[i]
	}
	into := make([]int32, len(x.edges))
	end := slices.Clone(begin)
	moves := make([]bool, len(x.states))
	for _, e := range x.edges {
		into[end[e[1]]] = e[0]
		end[e[1]]++
		moves[e[0]] = true
	}

	well := make([]bool, len(x.states))
	var queue []int32
	for i := range x.states {
		if well[i] = x.model.well(&x.states[i]); well[i] {
			queue = append(queue, int32(i))
		}
	}
	for len(queue) > 0 {
		to := queue[0]
		queue = queue[1:]
		for _, from := range into[begin[to]:begin[to+1]] {
			if !well[from] {
				well[from] = true
				queue = append(queue, from)
			}
		}
	}
	for i := range x.states {
		if well[i] || !x.states[i].calm() {
			continue
		}
		if !moves[i] {
			x.at, x.broken = i, "deadlock: not all is well, and no process can do anything"
			return
		}
		if x.broken == "" {
			x.at, x.broken = i, "no way leads to an owner and an answer for every request"
		}
	}
}

// trace tells a shortest way to the state in which the promise was broken.
func (x *exploration) trace() string {
	var way []int
	for i := x.at; i >= 0; i = int(x.parents[i]) {
		way = append(way, i)
	}
	slices.Reverse(way)
	var b strings.Builder
	for n, i := range way {
		fmt.Fprintf(&b, "%3d  %-34s %s\n", n, x.model.describe(x.via[i]), x.model.show(&x.states[i]))
	}
	fmt.Fprintf(&b, "     %s\n", x.broken)
	return b.String()
}
