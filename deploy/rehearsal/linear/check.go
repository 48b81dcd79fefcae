package linear

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// ErrUndecided says that the time was too short to decide.
var ErrUndecided = errors.New("whether the history is linearizable could not be decided in time")

// A ViolationError is an object whose operations fit in no order.
type ViolationError struct {
	Key string
	// Ops are all writes, and the reads without which an order can be found.
	Ops []Op
}

func (v *ViolationError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d operations fit in no order:", v.Key, len(v.Ops))
	for i := range v.Ops {
		fmt.Fprintf(&b, "\n  %s", &v.Ops[i])
	}
	return b.String()
}

// Check returns nil if the history is linearizable, and otherwise what it found in each
// object: a [*ViolationError], ErrUndecided for what limit was too short for, or what is wrong
// with a record.
func Check(history []Op, limit time.Duration) error {
	end := time.Now().Add(limit)
	byKey := map[string][]Op{}
	for i := range history {
		op := &history[i]
		if err := op.validate(); err != nil {
			return fmt.Errorf("%s: %s: %w", op.Key, op, err)
		}
		byKey[op.Key] = append(byKey[op.Key], *op)
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		ops := byKey[key]
		slices.SortStableFunc(ops, func(a, b Op) int { return cmp.Compare(a.Start, b.Start) })
		switch check(ops, end) {
		case porcupine.Ok:
		case porcupine.Illegal:
			errs = append(errs, &ViolationError{Key: key, Ops: shrink(ops, end)})
		default:
			errs = append(errs, fmt.Errorf("%s, %d operations: %w", key, len(ops), ErrUndecided))
		}
	}
	return errors.Join(errs...)
}

// check decides about the operations on one object.
func check(ops []Op, end time.Time) porcupine.CheckResult {
	history := make([]porcupine.Operation, 0, len(ops))
	for i := range ops {
		op := &ops[i]
		if op.Outcome == Refused || op.Outcome == Unknown && op.Kind == Read {
			continue // it neither did nor told anything
		}
		answered := int64(op.End)
		if op.Outcome == Unknown {
			answered = math.MaxInt64
		}
		history = append(history, porcupine.Operation{
			ClientId: op.Client, Input: op, Call: int64(op.Start), Return: answered,
		})
	}
	left := time.Until(end)
	if left <= 0 {
		return porcupine.Unknown // and no limit at all to porcupine
	}
	return porcupine.CheckOperationsTimeout(objectModel, history, left)
}

// shrink leaves out what a person need not read: operations without an effect, as long as
// the others still fit in no order. It begins with many at a time.
func shrink(ops []Op, end time.Time) []Op {
	for size := len(ops); size > 0; size /= 2 {
		for from := 0; from < len(ops); {
			to := min(from+size, len(ops))
			kept := slices.DeleteFunc(slices.Clone(ops[from:to]), func(op Op) bool { return !op.mayWrite() })
			fewer := slices.Concat(ops[:from], kept, ops[to:])
			if len(fewer) < len(ops) && check(fewer, end) == porcupine.Illegal {
				ops, to = fewer, from+len(kept)
			}
			from = to
		}
	}
	return ops
}
