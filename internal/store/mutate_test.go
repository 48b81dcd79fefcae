package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func TestMutateAnswersOnceTheChangeIsThere(t *testing.T) {
	s := openNew(t, Options{})
	answer, err := Mutate(t.Context(), s, "/test/Echo", wrapperspb.String("in"),
		func(tx *Tx) (*wrapperspb.StringValue, error) {
			if got := tx.Sequence(); got != 1 {
				t.Errorf("the first change is number %d, want 1", got)
			}
			return wrapperspb.String("out"), tx.Put(rowsBucket, []byte("k"), []byte("v"))
		})
	if err != nil || answer.GetValue() != "out" {
		t.Fatalf("Mutate = %v, %v", answer, err)
	}
	if got := s.Sequence(); got != 1 {
		t.Errorf("Sequence = %d after one change", got)
	}
	wantRow(t, s, "k", "v")
}

func TestMutateSurvivesReopening(t *testing.T) {
	path := newPath(t)
	s := openAt(t, path, testSchema, Options{})
	for i := range 10 {
		mustChange(t, s, put(fmt.Sprint("k", i), "v"))
	}
	before := dump(t, s)
	closeStore(t, s)
	s = openAt(t, path, testSchema, Options{})
	wantDump(t, dump(t, s), before)
	if got := s.Sequence(); got != 10 {
		t.Errorf("Sequence = %d after ten changes", got)
	}
	mustChange(t, s, put("k0", "w"))
	wantRow(t, s, "k0", "w")
}

func TestAChangeThatWritesNothingCommitsNothing(t *testing.T) {
	s := openNew(t, Options{})
	commits := countCommits(s)
	for name, fn := range map[string]func(*Tx) error{
		"nothing at all":           func(*Tx) error { return nil },
		"a read":                   func(tx *Tx) error { tx.Get(rowsBucket, []byte("k")); return nil },
		"deleting what is missing": func(tx *Tx) error { return tx.Delete(rowsBucket, []byte("k")) },
		"an id taken already":      func(tx *Tx) error { return tx.SetNextID(itemsBucket, 0) },
		"a failure":                func(tx *Tx) error { return errors.Join(put("k", "v")(tx), errRefused) },
	} {
		if err := do(t.Context(), s, fn); err != nil && !errors.Is(err, errRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := commits(); len(got) != 0 {
		t.Errorf("there were %d commits, want none", len(got))
	}
	if got := s.Sequence(); got != 0 {
		t.Errorf("Sequence = %d, want 0", got)
	}
}

func TestEmptyValuesAreRows(t *testing.T) {
	s := openNew(t, Options{})
	mustChange(t, s, func(tx *Tx) error {
		if err := tx.Put(rowsBucket, []byte("nil"), nil); err != nil {
			return err
		}
		if tx.Get(rowsBucket, []byte("nil")) == nil {
			t.Error("a row with an empty value reads as missing in its own change")
		}
		return tx.Put(rowsBucket, []byte("empty"), []byte{})
	})
	wantRow(t, s, "nil", "")
	wantRow(t, s, "empty", "")
	mustChange(t, s, func(tx *Tx) error { return tx.Delete(rowsBucket, []byte("nil")) })
	wantNoRow(t, s, "nil")
}

func TestIDsAreNeverGivenTwice(t *testing.T) {
	path := newPath(t)
	s := openAt(t, path, testSchema, Options{})
	next := func() (id int64) {
		t.Helper()
		mustChange(t, s, func(tx *Tx) (err error) {
			id, err = tx.NextID(itemsBucket)
			return err
		})
		return id
	}
	// Taking an id is a change by itself: its caller may have used it elsewhere.
	if a, b := next(), next(); a != 1 || b != 2 {
		t.Errorf("the first ids are %d and %d, want 1 and 2", a, b)
	}
	mustChange(t, s, func(tx *Tx) error { return tx.SetNextID(itemsBucket, 100) })
	if id := next(); id != 101 {
		t.Errorf("the id after 100 is %d", id)
	}
	mustChange(t, s, func(tx *Tx) error { return tx.SetNextID(itemsBucket, 50) })
	closeStore(t, s)
	s = openAt(t, path, testSchema, Options{})
	if id := next(); id != 102 {
		t.Errorf("the id after 101 and reopening is %d", id)
	}
	if got := s.Sequence(); got != 5 {
		t.Errorf("Sequence = %d after five changes that took ids", got)
	}
}

func TestMutateGivesTheChangesError(t *testing.T) {
	s := openNew(t, Options{})
	answer, err := Mutate(t.Context(), s, "/test/Echo", wrapperspb.String(""),
		func(*Tx) (*wrapperspb.StringValue, error) { return wrapperspb.String("half"), errRefused })
	if !errors.Is(err, errRefused) || answer != nil {
		t.Errorf("Mutate = %v, %v; want no answer and the change's error", answer, err)
	}
	err = do(t.Context(), s, func(*Tx) error { panic("boom") })
	if err == nil || !strings.Contains(err.Error(), "boom") || !strings.Contains(err.Error(), "mutate_test.go") {
		t.Errorf("a panic gave %v, want its value and where it was", err)
	}
	err = do(t.Context(), s, func(tx *Tx) error { return tx.Put([]byte("unknown"), []byte("k"), nil) })
	if err == nil || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("a bucket outside the schema gave %v", err)
	}
	if err := do(t.Context(), s, func(tx *Tx) error { return tx.Put(rowsBucket, nil, nil) }); err == nil {
		t.Error("an empty key was taken")
	}
	mustChange(t, s, put("k", "the store still works"))
}

func TestPutThatTheFileRefusesLeavesTheChecksum(t *testing.T) {
	s := openNew(t, Options{})
	tooLong := make([]byte, bbolt.MaxKeySize+1)
	for range 2 {
		// The change goes on after the refusal: what it keeps must still add up.
		mustChange(t, s, func(tx *Tx) error {
			if err := tx.Put(rowsBucket, tooLong, []byte("v")); err == nil {
				t.Error("a key that is too long was taken")
			}
			return tx.Put(rowsBucket, []byte("k"), []byte("v"))
		})
	}
	if problems, err := s.Check(); err != nil || len(problems) != 0 {
		t.Errorf("Check = %v, %v", problems, err)
	}
}

func TestClosedStore(t *testing.T) {
	s := openNew(t, Options{})
	closeStore(t, s)
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if err := do(t.Context(), s, put("k", "v")); !errors.Is(err, ErrClosed) {
		t.Errorf("Mutate = %v, want ErrClosed", err)
	}
	if err := s.View(func(*bbolt.Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("View = %v, want ErrClosed", err)
	}
	if _, err := s.Info(); !errors.Is(err, ErrClosed) {
		t.Errorf("Info = %v, want ErrClosed", err)
	}
	if _, err := s.Check(); !errors.Is(err, ErrClosed) {
		t.Errorf("Check = %v, want ErrClosed", err)
	}
	if err := s.BackupTo(t.Context(), newPath(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("BackupTo = %v, want ErrClosed", err)
	}
}

func TestViewGivesItsErrorAndEndsOnPanic(t *testing.T) {
	s := openNew(t, Options{})
	if err := s.View(func(*bbolt.Tx) error { return errRefused }); !errors.Is(err, errRefused) {
		t.Errorf("View = %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("View hid a panic")
			}
		}()
		_ = s.View(func(*bbolt.Tx) error { panic("boom") })
	}()
	// Close would wait for the transaction for ever if the panic had left it open.
	closeStore(t, s)
}
