package linear

import "github.com/anishathalye/porcupine"

// object is what one may be at a moment.
type object struct {
	exists bool
	value  string
	etag   string // empty: nobody was told
}

// objectModel is what a single process without concurrency would do.
var objectModel = porcupine.Model{
	Init: func() any { return object{} },
	Step: func(state, input, _ any) (bool, any) {
		o, isObject := state.(object)
		op, isOp := input.(*Op)
		if !isObject || !isOp {
			return false, state
		}
		ok, next := o.step(op)
		return ok, next
	},
}

// step says whether an operation's outcome is right for an object, and what the object is
// afterwards.
func (o object) step(op *Op) (bool, object) {
	switch op.Outcome {
	case Done:
		return o.done(op)
	case Missing:
		return !o.exists, o
	case Exists:
		return o.exists, o
	case Mismatch:
		return o.exists && op.Match != o.etag, o
	case Unknown:
		// One that never took effect has a place as well: after all others, where what it
		// does is seen by nobody.
		if ok, next := o.done(op); ok {
			return true, next
		}
		return true, o
	case Refused:
	}
	return true, o
}

func (o object) done(op *Op) (bool, object) {
	if op.Kind == Create {
		return !o.exists, object{exists: true, value: op.Value, etag: op.Etag}
	}
	if !o.exists || op.Match != "" && o.etag != "" && op.Match != o.etag {
		return false, o
	}
	switch op.Kind {
	case Read:
		if op.Value != o.value || op.Etag != "" && o.etag != "" && op.Etag != o.etag {
			return false, o
		}
		if op.Etag != "" {
			o.etag = op.Etag // of a write that was not answered, it is told here
		}
	case Update:
		o.value, o.etag = op.Value, op.Etag
	case Delete:
		return true, object{}
	case Create:
	}
	return true, o
}
