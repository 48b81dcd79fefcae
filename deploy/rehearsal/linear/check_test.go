package linear

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// limit is far beyond what any history here takes.
const limit = time.Minute

// at makes an operation on the one object, from start to end.
func at(start, end time.Duration, kind Kind, outcome Outcome, value string) Op {
	return Op{Start: start, End: end, Key: "users/1", Kind: kind, Outcome: outcome, Value: value}
}

// match binds a write to an etag.
func match(etag string, op Op) Op { op.Match = etag; return op }

// told gives the client an etag.
func told(etag string, op Op) Op { op.Etag = etag; return op }

var histories = []struct {
	name string
	ok   bool
	ops  []Op
}{
	{"nothing", true, nil},
	{"one after the other", true, []Op{
		at(0, 1, Read, Missing, ""), at(2, 3, Create, Done, "a"), at(4, 5, Create, Exists, "b"), at(6, 7, Read, Done, "a"),
		at(8, 9, Update, Done, "c"), at(10, 11, Read, Done, "c"), at(12, 13, Delete, Done, ""), at(14, 15, Read, Missing, ""),
		at(16, 17, Update, Missing, "d"), at(18, 19, Delete, Missing, ""),
	}},
	{"reads beside a write see the old and then the new", true, []Op{
		at(0, 1, Create, Done, "a"), at(2, 20, Update, Done, "b"), at(3, 4, Read, Done, "a"), at(5, 6, Read, Done, "b"),
	}},
	{"reads beside a write see the new and then the old", false, []Op{
		at(0, 1, Create, Done, "a"), at(2, 20, Update, Done, "b"), at(3, 4, Read, Done, "b"), at(5, 6, Read, Done, "a"),
	}},
	{"a stale read", false, []Op{
		at(0, 1, Create, Done, "a"), at(2, 3, Update, Done, "b"), at(4, 5, Read, Done, "a"),
	}},
	{"a read from before the create's answer", true, []Op{
		at(0, 9, Create, Done, "a"), at(1, 2, Read, Missing, ""), at(3, 4, Read, Done, "a"),
	}},
	{"a create that is not there", false, []Op{at(0, 1, Create, Done, "a"), at(2, 3, Read, Missing, "")}},
	{"a value that nobody wrote", false, []Op{at(0, 1, Create, Done, "a"), at(2, 3, Read, Done, "x")}},
	{"a lost update", false, []Op{
		at(0, 1, Create, Done, "a"), at(2, 5, Update, Done, "b"), at(3, 6, Update, Done, "c"), at(7, 8, Read, Done, "a"),
	}},
	{"updates at the same time, one of which is last", true, []Op{
		at(0, 1, Create, Done, "a"), at(2, 5, Update, Done, "b"), at(3, 6, Update, Done, "c"), at(7, 8, Read, Done, "b"),
	}},
	{"two updates bound to one etag", false, []Op{
		told("1", at(0, 1, Create, Done, "a")),
		told("2", match("1", at(2, 5, Update, Done, "b"))), told("3", match("1", at(3, 6, Update, Done, "c"))),
	}},
	{"one of two updates bound to one etag", true, []Op{
		told("1", at(0, 1, Create, Done, "a")),
		told("2", match("1", at(2, 5, Update, Done, "b"))), match("1", at(3, 6, Update, Mismatch, "c")),
		told("2", at(7, 8, Read, Done, "b")),
	}},
	{"a mismatch without a reason", false, []Op{
		told("1", at(0, 1, Create, Done, "a")), match("1", at(2, 3, Delete, Mismatch, "")),
	}},
	{"the new value with the old etag", false, []Op{
		told("1", at(0, 1, Create, Done, "a")), told("2", at(2, 3, Update, Done, "b")), told("1", at(4, 5, Read, Done, "b")),
	}},
	{"a doubled create", false, []Op{at(0, 5, Create, Done, "a"), at(1, 6, Create, Done, "b")}},
	{"a create that is done again over an update", false, []Op{
		at(0, 1, Create, Done, "a"), at(2, 3, Update, Done, "b"), at(4, 5, Read, Done, "b"), at(6, 7, Read, Done, "a"),
	}},
	{"a create that is done again after the delete", false, []Op{
		at(0, 1, Create, Done, "a"), at(2, 3, Delete, Done, ""), at(4, 5, Read, Missing, ""), at(6, 7, Read, Done, "a"),
	}},
	{"an unknown update that is never seen", true, []Op{
		at(0, 1, Create, Done, "a"), at(2, 0, Update, Unknown, "b"), at(4, 5, Read, Done, "a"),
	}},
	{"an unknown update that is seen late", true, []Op{
		at(0, 1, Create, Done, "a"), at(2, 0, Update, Unknown, "b"), at(4, 5, Read, Done, "a"), at(8, 9, Read, Done, "b"),
	}},
	{"an unknown update that is seen before it was sent", false, []Op{
		at(0, 1, Create, Done, "a"), at(2, 3, Read, Done, "b"), at(4, 0, Update, Unknown, "b"),
	}},
	{"an unknown update that is seen and then rolled back", false, []Op{
		at(0, 1, Create, Done, "a"), at(2, 0, Update, Unknown, "b"), at(4, 5, Read, Done, "b"), at(6, 7, Read, Done, "a"),
	}},
	{"an unknown update that is done twice", false, []Op{
		at(0, 1, Create, Done, "a"), at(2, 0, Update, Unknown, "b"), at(4, 5, Read, Done, "b"),
		at(6, 7, Update, Done, "c"), at(8, 9, Read, Done, "b"),
	}},
	{"an unknown create that is there", true, []Op{
		at(0, 0, Create, Unknown, "a"), at(2, 3, Read, Missing, ""), at(4, 5, Read, Done, "a"), at(6, 7, Create, Exists, "a"),
	}},
	{"an unknown delete, and all it may explain", true, []Op{
		at(0, 1, Create, Done, "a"), at(2, 0, Delete, Unknown, ""), at(4, 5, Read, Done, "a"), at(6, 7, Read, Missing, ""),
	}},
	{"an unknown delete, and what it does not explain", false, []Op{
		at(0, 1, Create, Done, "a"), at(2, 0, Delete, Unknown, ""), at(4, 5, Read, Missing, ""), at(6, 7, Read, Done, "a"),
	}},
	{"the etag of an unknown update is told by a read", true, []Op{
		told("1", at(0, 1, Create, Done, "a")), at(2, 0, Update, Unknown, "b"), told("2", at(4, 5, Read, Done, "b")),
		told("3", match("2", at(6, 7, Update, Done, "c"))), match("2", at(8, 9, Delete, Mismatch, "")),
	}},
	{"the etag of an unknown update is told twice", false, []Op{
		told("1", at(0, 1, Create, Done, "a")), at(2, 0, Update, Unknown, "b"), told("2", at(4, 5, Read, Done, "b")),
		told("3", at(6, 7, Read, Done, "b")),
	}},
	{"an unknown update bound to an etag that had changed", false, []Op{
		told("1", at(0, 1, Create, Done, "a")), told("2", at(2, 3, Update, Done, "b")),
		match("1", at(4, 0, Update, Unknown, "c")), at(5, 6, Read, Done, "c"),
	}},
	{"a refused update is not seen", true, []Op{
		at(0, 1, Create, Done, "a"), at(2, 3, Update, Refused, "b"), at(4, 5, Read, Refused, ""), at(6, 7, Read, Done, "a"),
	}},
	{"a refused update is seen", false, []Op{
		at(0, 1, Create, Done, "a"), at(2, 3, Update, Refused, "b"), at(4, 5, Read, Done, "b"),
	}},
}

func TestCheck(t *testing.T) {
	for _, h := range histories {
		t.Run(h.name, func(t *testing.T) {
			err := Check(h.ops, limit)
			if _, found := errors.AsType[*ViolationError](err); found == h.ok || h.ok && err != nil {
				t.Errorf("linearizable: want %t, got %v", h.ok, err)
			}
		})
	}
}

// Objects have nothing to do with each other, and each that is wrong is named with what
// is wrong about it.
func TestCheckNamesTheObject(t *testing.T) {
	var history []Op
	for _, h := range histories {
		for _, op := range h.ops {
			op.Key = h.name
			history = append(history, op)
		}
	}
	err := Check(history, limit)
	if err == nil {
		t.Fatal("nothing is found")
	}
	for _, h := range histories {
		if named := strings.Contains(err.Error(), "\n"+h.name+":") || strings.HasPrefix(err.Error(), h.name+":"); named == h.ok {
			t.Errorf("%s: want linearizable %t, in %v", h.name, h.ok, err)
		}
	}
}

// Reads that have nothing to do with it are not shown.
func TestViolationIsShort(t *testing.T) {
	ops := []Op{at(0, 1, Create, Done, "a"), at(2, 3, Update, Done, "b")}
	for i := range time.Duration(50) {
		ops = append(ops, at(10+i, 20+i, Read, Done, "b"))
	}
	ops = append(ops, at(100, 101, Read, Done, "a"))
	v, ok := errors.AsType[*ViolationError](Check(ops, limit))
	if !ok || len(v.Ops) != 3 || v.Ops[2].Value != "a" {
		t.Errorf("got %v", v)
	}
}

// What cannot be decided in time is an error and no violation.
func TestCheckUndecided(t *testing.T) {
	ops := []Op{at(0, 1, Create, Done, "a")}
	// So many updates at once, none of which is the last.
	for i := range 40 {
		ops = append(ops, at(2, 90, Update, Done, strings.Repeat("x", i+1)))
	}
	ops = append(ops, at(100, 101, Read, Done, "a"))
	for _, limit := range []time.Duration{0, 50 * time.Millisecond} {
		err := Check(ops, limit)
		if _, found := errors.AsType[*ViolationError](err); found || !errors.Is(err, ErrUndecided) {
			t.Errorf("within %s: %v", limit, err)
		}
	}
}

func TestCheckRefusesNonsense(t *testing.T) {
	for name, op := range map[string]Op{
		"no kind":                    at(0, 1, 0, Done, ""),
		"no such kind":               at(0, 1, Delete+1, Done, ""),
		"no outcome":                 at(0, 1, Read, 0, ""),
		"no such outcome":            at(0, 1, Read, Unknown+1, ""),
		"ends before it starts":      at(2, 1, Read, Done, ""),
		"a mismatch without a match": at(0, 1, Update, Mismatch, ""),
		"a create that mismatches":   match("1", at(0, 1, Create, Mismatch, "")),
		"a read that exists":         at(0, 1, Read, Exists, ""),
		"a create that is missing":   at(0, 1, Create, Missing, ""),
	} {
		if err := Check([]Op{op}, limit); err == nil || errors.Is(err, ErrUndecided) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
