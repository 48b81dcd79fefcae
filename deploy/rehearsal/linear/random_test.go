package linear

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

// mistake is what a register does wrong, once.
type mistake int

const (
	noMistake    mistake = iota
	staleRead            // a read is answered from before the last write
	lostWrite            // a write is acknowledged and not done
	doubledWrite         // a write is done again after others
	rolledBack           // a write without an answer is seen, and undone
)

// event is an operation on its way, with the moment at which it takes effect.
type event struct {
	Op

	at time.Duration
}

// simulate gives what concurrent clients see of objects that are kept as they should be,
// but for one mistake. All values differ.
func simulate(rng *rand.Rand, mistake mistake) []Op {
	const clients, each, keys = 5, 30, 2
	var events []*event
	for client := range clients {
		now := time.Duration(rng.IntN(10))
		for i := range each {
			e := &event{Op: Op{Client: client, Start: now, Key: "key " + strconv.Itoa(rng.IntN(keys)), Outcome: Done}}
			e.at = now + time.Duration(rng.IntN(20))
			e.End = e.at + time.Duration(rng.IntN(20))
			now = e.End + 1 + time.Duration(rng.IntN(5))
			switch n := rng.IntN(20); {
			case n < 10:
				e.Kind = Read
			case n < 16:
				e.Kind = Update
			case n < 19:
				e.Kind = Create
			default:
				e.Kind = Delete
			}
			if e.Kind == Create || e.Kind == Update {
				e.Value = fmt.Sprintf("%d.%d", client, i)
			}
			if rng.IntN(10) == 0 {
				e.Outcome = Unknown
				switch rng.IntN(3) {
				case 0: // never
					e.at = 1 << 60
				case 1: // late
					e.at += time.Duration(rng.IntN(500))
				}
			}
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(a, b *event) int { return cmp.Compare(a.at, b.at) })

	r := register{mistake: mistake, wrongAt: rng.IntN(len(events) / 2)}
	history := make([]Op, 0, len(events))
	for i, e := range events {
		if e.at < 1<<60 {
			r.run(i, &e.Op, rng)
		}
		if e.Outcome == Unknown {
			e.End = 0
		}
		history = append(history, e.Op)
	}
	return history
}

// register keeps the objects.
type register struct {
	now, before map[string]object // before the last write
	known       [16]map[string]string
	seq         int
	mistake     mistake
	wrongAt     int    // from which operation on
	again       *Op    // to be done again
	undo        object // what to go back to
}

func (r *register) run(i int, op *Op, rng *rand.Rand) {
	if r.now == nil {
		r.now, r.before = map[string]object{}, map[string]object{}
	}
	o, wrong := r.now[op.Key], r.mistake != noMistake && i >= r.wrongAt
	lost := op.Outcome == Unknown
	if op.Kind == Read {
		if wrong && r.mistake == staleRead && r.before[op.Key].exists {
			o, r.mistake = r.before[op.Key], noMistake
		}
		r.answer(op, o, o.exists)
		if r.mistake == rolledBack && r.again != nil && r.again.Key == op.Key && o.value == r.again.Value && !lost {
			r.now[op.Key], r.mistake = r.undo, noMistake
		}
		return
	}
	if known := r.known[op.Client][op.Key]; known != "" && op.Kind != Create && rng.IntN(2) == 0 {
		op.Match = known
	}
	next, ok := o, false
	switch {
	case op.Kind == Create && o.exists:
		r.refuse(op, Exists)
	case op.Kind != Create && !o.exists:
		r.refuse(op, Missing)
	case op.Match != "" && op.Match != o.etag:
		r.refuse(op, Mismatch)
	default:
		ok = true
		r.seq++
		next = object{exists: op.Kind != Delete, value: op.Value, etag: strconv.Itoa(r.seq)}
	}
	if !ok {
		return
	}
	switch {
	case wrong && r.mistake == lostWrite && !lost:
		r.mistake = noMistake
	case wrong && r.mistake == rolledBack && lost && op.Kind == Update && (r.again == nil || r.now[r.again.Key].value != r.again.Value):
		r.again, r.undo = op, o
		fallthrough
	default:
		r.before[op.Key], r.now[op.Key] = o, next
	}
	if op.Kind != Delete {
		r.answer(op, next, true)
	}
	if !wrong || r.mistake != doubledWrite || op.Kind == Delete {
		return
	}
	if r.again == nil {
		r.again = op
	} else if r.again.Key == op.Key {
		r.now[op.Key], r.mistake = object{exists: true, value: r.again.Value, etag: strconv.Itoa(r.seq)}, noMistake
	}
}

// answer tells the client what it asked for, unless the answer is lost.
func (r *register) answer(op *Op, o object, ok bool) {
	if op.Outcome == Unknown {
		return
	}
	if !ok {
		r.refuse(op, Missing)
		return
	}
	op.Value, op.Etag = o.value, o.etag
	if r.known[op.Client] == nil {
		r.known[op.Client] = map[string]string{}
	}
	r.known[op.Client][op.Key] = o.etag
}

func (r *register) refuse(op *Op, why Outcome) {
	if op.Outcome != Unknown {
		op.Outcome = why
	}
}

// isWrong finds, without an order of anything, a read of a value that had been seen or
// acknowledged, and then been overwritten or deleted, before the read began.
func isWrong(history []Op) bool {
	for i := range history {
		late := &history[i]
		if late.Kind != Read || late.Outcome != Done {
			continue
		}
		for j := range history {
			early := &history[j]
			if early.Key != late.Key || early.Value != late.Value || early.Outcome != Done || early.Kind == Delete {
				continue
			}
			for k := range history {
				between := &history[k]
				isOther := between.Key == late.Key && between.Outcome == Done && between.Value != late.Value
				if isOther && early.End < between.Start && between.End < late.Start {
					return true
				}
			}
		}
	}
	return false
}

func TestRandomHistories(t *testing.T) {
	const seeds = 200
	for mistake, name := range map[mistake]string{
		noMistake: "none", staleRead: "a stale read", lostWrite: "a lost write", doubledWrite: "a doubled write", rolledBack: "a write rolled back",
	} {
		t.Run(name, func(t *testing.T) {
			found, wrong := 0, 0
			for seed := range uint64(seeds) {
				history := simulate(rand.New(rand.NewPCG(seed, 1)), mistake)
				err := Check(history, limit)
				_, violated := errors.AsType[*ViolationError](err)
				if err != nil && !violated {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if violated {
					found++
				}
				if isWrong(history) {
					wrong++
					if !violated {
						t.Errorf("seed %d: the mistake is seen and not found", seed)
					}
				}
				if mistake == noMistake && violated {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
			t.Logf("of %d histories %d are found, %d must be", seeds, found, wrong)
			if mistake != noMistake && wrong < seeds/10 {
				t.Errorf("only %d of %d histories show the mistake", wrong, seeds)
			}
		})
	}
}
