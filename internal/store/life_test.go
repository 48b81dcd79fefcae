package store

import (
	"errors"
	"os"
	"strconv"
	"testing"

	"go.etcd.io/bbolt"
)

func TestANewStoreIsClosed(t *testing.T) {
	path := newPath(t)
	s := newAt(t, path, testSchema, Options{})
	s.OpenGate()
	if err := s.View(func(*bbolt.Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("View = %v, want ErrClosed", err)
	}
	if _, err := s.Position(); !errors.Is(err, ErrClosed) {
		t.Errorf("Position = %v, want ErrClosed", err)
	}
	if s.PageSecret() != nil || s.Sequence() != 0 || s.AnswersFromKeys() != 0 {
		t.Errorf("it knows %x, %d and %d", s.PageSecret(), s.Sequence(), s.AnswersFromKeys())
	}
	closeStore(t, s)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has touched the disk: %v", err)
	}
	reopen(t, s)
}

func TestOpenLeavesTheGateClosed(t *testing.T) {
	path := newPath(t)
	s := newAt(t, path, testSchema, Options{})
	for epoch := uint64(1); epoch < 4; epoch++ {
		if err := s.Open(); err != nil {
			t.Fatal(err)
		}
		if err := do(t.Context(), s, put("early", "v")); !errors.Is(err, ErrClosed) {
			t.Errorf("Mutate = %v, want ErrClosed", err)
		}
		if p := positionOf(t, s); p.Epoch != epoch || p.Sequence != epoch-1 {
			t.Errorf("opened for the %d. time, the store stands at %+v", epoch, p)
		}
		if err := s.Open(); !errors.Is(err, ErrOpen) {
			t.Errorf("Open of an open store = %v, want ErrOpen", err)
		}
		s.OpenGate()
		mustChange(t, s, put("k", strconv.FormatUint(epoch, 10)))
		closeStore(t, s)
	}
	if info, err := Peek(path); err != nil || info.Epoch != 3 || info.Sequence != 3 {
		t.Errorf("Peek = %+v, %v", info, err)
	}
}

// Two processes, each with a Store of its own that is never replaced, serve one file in
// turn. Each finds what the other left, and knows the last that it saw when it is closed.
func TestTwoStoresTakeTurns(t *testing.T) {
	path := newPath(t)
	pair := []*Store{newAt(t, path, testSchema, Options{}), newAt(t, path, testSchema, Options{})}
	var secret string
	var want Position
	for turn := range 6 {
		s, other := pair[turn%2], pair[(turn+1)%2]
		if err := s.Open(); err != nil {
			t.Fatal(err)
		}
		got := positionOf(t, s)
		if turn == 0 {
			want, secret = got, string(s.PageSecret())
		}
		want.Epoch = uint64(turn + 1)
		if got != want {
			t.Errorf("turn %d begins at %+v, the one before ended at %+v", turn, got, want)
		}
		s.OpenGate()
		for i := range turn {
			mustChange(t, s, steps(put(strconv.Itoa(i), strconv.Itoa(turn)), addItem))
			wantRow(t, s, strconv.Itoa(i), strconv.Itoa(turn))
		}
		shut(t, s)
		want = positionOf(t, s)
		closeStore(t, s)
		if s.Sequence() != want.Sequence || string(s.PageSecret()) != secret {
			t.Errorf("after turn %d the closed store knows %d and %x", turn, s.Sequence(), s.PageSecret())
		}
		if turn > 1 && other.Sequence() >= want.Sequence {
			t.Errorf("in turn %d the other process is at %d, and the store at %d", turn, other.Sequence(), want.Sequence)
		}
	}
}

func TestAnOpenThatFailsCanBeTriedAgain(t *testing.T) {
	path := newPath(t)
	first := newAt(t, path, testSchema, Options{})
	reopen(t, first)
	s := newAt(t, path, testSchema, Options{})
	if err := s.Open(); !errors.Is(err, ErrBusy) {
		t.Errorf("Open = %v, want ErrBusy", err)
	}
	s.OpenGate()
	if err := do(t.Context(), s, put("k", "v")); !errors.Is(err, ErrClosed) {
		t.Errorf("Mutate = %v, want ErrClosed", err)
	}
	closeStore(t, first)
	reopen(t, s)
	mustChange(t, s, put("k", "v"))
}

func TestOpenExistingCreatesNothing(t *testing.T) {
	path := newPath(t)
	s := newAt(t, path, testSchema, Options{})
	if err := s.OpenExisting(); !errors.Is(err, ErrMissing) {
		t.Errorf("OpenExisting = %v, want ErrMissing", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has touched the disk: %v", err)
	}
	reopen(t, s)
	mustChange(t, s, put("k", "v"))
	closeStore(t, s)
	if err := s.OpenExisting(); err != nil {
		t.Fatal(err)
	}
	s.OpenGate()
	wantRow(t, s, "k", "v")
}
