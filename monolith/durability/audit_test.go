package durability

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// A write is a post or a thread that a client wants on the board, and what it was told.
type write struct {
	kind    *kind
	content string // the post's text or the thread's title; no two writes have the same
	key     string // the idempotency key, or "" for none
	answer  []byte // of the acknowledgement; nil as long as there is none
	changed bool   // whether a retry was acknowledged with another answer
}

// acknowledge notes an answer.
func (w *write) acknowledge(answer []byte) {
	if w.answer != nil && !bytes.Equal(w.answer, answer) {
		w.changed = true
	}
	w.answer = answer
}

// A finding is what an audit has against a board.
type finding struct {
	lost    []string // acknowledged, and not there
	doubled []string // there more than once
	changed []string // acknowledged with different answers
	missing []string // not acknowledged, and not there: only a retry must change that
	strange []string // there, and written by nobody
}

// audit holds what a board has against what was written to it.
func audit(writes []*write, stored []string) finding {
	times := make(map[string]int, len(stored))
	for _, content := range stored {
		times[content]++
	}
	var f finding
	for _, w := range writes {
		n := times[w.content]
		delete(times, w.content)
		switch {
		case n == 0 && w.answer != nil:
			f.lost = append(f.lost, w.content)
		case n == 0:
			f.missing = append(f.missing, w.content)
		case n > 1:
			f.doubled = append(f.doubled, w.content)
		}
		if w.changed {
			f.changed = append(f.changed, w.content)
		}
	}
	for content := range times {
		f.strange = append(f.strange, content)
	}
	slices.Sort(f.strange)
	return f
}

// String says how much is wrong, with some examples.
func (f finding) String() string {
	some := func(list []string) string {
		if len(list) > 5 {
			return fmt.Sprintf("%d, as %q", len(list), list[:5])
		}
		return fmt.Sprintf("%d %q", len(list), list)
	}
	return fmt.Sprintf("lost: %s; doubled: %s; changed: %s; missing: %s; strange: %s",
		some(f.lost), some(f.doubled), some(f.changed), some(f.missing), some(f.strange))
}

func TestAudit(t *testing.T) {
	acknowledged := func(content string) *write { return &write{content: content, answer: []byte("ok")} }
	open := func(content string) *write { return &write{content: content} }
	again := acknowledged("g")
	again.acknowledge([]byte("ok"))
	other := acknowledged("h")
	other.acknowledge([]byte("OK"))
	got := audit(
		[]*write{acknowledged("a"), acknowledged("b"), acknowledged("c"), open("d"), open("e"), open("f"), again, other},
		[]string{"f", "c", "a", "z", "c", "d", "f", "g", "h"},
	)
	want := `lost: 1 ["b"]; doubled: 2 ["c" "f"]; changed: 1 ["h"]; missing: 1 ["e"]; strange: 1 ["z"]`
	if got.String() != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
