package linear

import (
	"errors"
	"fmt"
	"time"
)

// A Kind is what a request asks for.
type Kind int

// The kinds.
const (
	Read Kind = iota + 1
	Create
	Update
	Delete
)

func (k Kind) String() string {
	switch k {
	case Read:
		return "read"
	case Create:
		return "create"
	case Update:
		return "update"
	case Delete:
		return "delete"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// An Outcome is what the client was told.
type Outcome int

// The outcomes.
const (
	// Done is success.
	Done Outcome = iota + 1
	// Missing says that there is no such object.
	Missing
	// Exists refuses a create because there is one.
	Exists
	// Mismatch refuses a write because the object's etag is not Match.
	Mismatch
	// Refused is an error that promises that nothing was changed, and says nothing about
	// the object.
	Refused
	// Unknown is no answer, or one that leaves open whether the request took effect.
	Unknown
)

func (o Outcome) String() string {
	switch o {
	case Done:
		return "done"
	case Missing:
		return "missing"
	case Exists:
		return "exists"
	case Mismatch:
		return "mismatch"
	case Refused:
		return "refused"
	case Unknown:
		return "unknown"
	}
	return fmt.Sprintf("outcome %d", int(o))
}

// An Op is one request and what came of it.
type Op struct {
	Client int
	// Start is when it was sent and End when it was answered, both since the same
	// moment. An operation of unknown outcome has no end.
	Start, End time.Duration
	// Key names the object. An object that was there before has a create that ended
	// before everything else.
	Key     string
	Kind    Kind
	Outcome Outcome
	// Value is what was written, or what a read was told.
	Value string
	// Match is the etag that a write was bound to; empty for none.
	Match string
	// Etag is the object's etag as the client was told it; empty if it was not.
	Etag string
}

func (o *Op) String() string {
	s := fmt.Sprintf("client %d %s", o.Client, o.Kind)
	if o.Value != "" {
		s += fmt.Sprintf(" %q", o.Value)
	}
	if o.Match != "" {
		s += " if " + o.Match
	}
	s += ": " + o.Outcome.String()
	if o.Etag != "" {
		s += " " + o.Etag
	}
	if o.Outcome == Unknown {
		return fmt.Sprintf("%10s –            %s", o.Start, s)
	}
	return fmt.Sprintf("%10s – %-10s %s", o.Start, o.End, s)
}

// mayWrite tells whether the operation may have changed the object.
func (o *Op) mayWrite() bool { return o.Kind != Read && (o.Outcome == Done || o.Outcome == Unknown) }

// validate says what is wrong with a record of an operation.
func (o *Op) validate() error {
	switch {
	case o.Kind < Read || o.Kind > Delete || o.Outcome < Done || o.Outcome > Unknown:
		return errors.New("no such kind or outcome")
	case o.Outcome != Unknown && o.End < o.Start:
		return errors.New("it ends before it starts")
	case o.Outcome == Mismatch && (o.Match == "" || o.Kind != Update && o.Kind != Delete):
		return errors.New("nothing could mismatch")
	case o.Outcome == Exists && o.Kind != Create, o.Outcome == Missing && o.Kind == Create:
		return errors.New("that is no answer to this kind")
	}
	return nil
}
