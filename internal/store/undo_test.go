package store

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
)

// undoSteps are changes as they are before they fail. Each runs over the rows that
// undoSetUp leaves.
var undoSteps = map[string]func(tx *Tx) error{
	"nothing":          func(*Tx) error { return nil },
	"put a new row":    put("new", "v"),
	"put nothing":      func(tx *Tx) error { return tx.Put(rowsBucket, []byte("new"), nil) },
	"overwrite":        put("old", "other"),
	"overwrite empty":  put("empty", "filled"),
	"overwrite by nil": func(tx *Tx) error { return tx.Put(rowsBucket, []byte("old"), nil) },
	"the same again":   put("old", "value"),
	"delete":           func(tx *Tx) error { return tx.Delete(rowsBucket, []byte("old")) },
	"delete empty":     func(tx *Tx) error { return tx.Delete(rowsBucket, []byte("empty")) },
	"delete nothing":   func(tx *Tx) error { return tx.Delete(rowsBucket, []byte("new")) },
	"take an id":       takeID,
	"take ids":         steps(takeID, takeID, takeID),
	"set the next id":  func(tx *Tx) error { return tx.SetNextID(itemsBucket, 1000) },
	"set and take an id": steps(takeID, func(tx *Tx) error {
		return tx.SetNextID(itemsBucket, 1000)
	}, takeID),
	"a row, thrice":  steps(put("old", "1"), put("old", "2"), put("old", "3")),
	"come and go":    steps(put("new", "1"), deleteRow("new"), put("new", "2"), deleteRow("new")),
	"go and come":    steps(deleteRow("old"), put("old", "1"), deleteRow("old"), put("old", "value")),
	"come, go, come": steps(put("new", "1"), deleteRow("new"), put("new", "2")),
	"several rows":   steps(put("new", "1"), put("old", "2"), deleteRow("empty"), takeID, put("newer", "3")),
	"many rows":      manyRows,
	"delete all":     deleteAll,
	"a neighbour's":  steps(put("good", "bad"), put("good", "worse")),
	"all of his":     steps(deleteRow("good"), takeID),
	"the last item, and one before it": func(tx *Tx) error {
		return errors.Join(tx.Delete(itemsBucket, be(2)), tx.Put(itemsBucket, be(0), nil))
	},
	"one that splits": func(tx *Tx) error { return tx.Put(rowsBucket, []byte("old"), make([]byte, 100_000)) },
}

func steps(all ...func(*Tx) error) func(*Tx) error {
	return func(tx *Tx) error {
		for _, step := range all {
			if err := step(tx); err != nil {
				return err
			}
		}
		return nil
	}
}

func takeID(tx *Tx) error {
	_, err := tx.NextID(itemsBucket)
	return err
}

func deleteRow(key string) func(*Tx) error {
	return func(tx *Tx) error { return tx.Delete(rowsBucket, []byte(key)) }
}

// addItem appends a row under the next id.
func addItem(tx *Tx) error {
	id, err := tx.NextID(itemsBucket)
	if err != nil {
		return err
	}
	return tx.Put(itemsBucket, be(uint64(id)), fmt.Append(nil, "item ", id))
}

// manyRows writes enough to split pages, and over rows that are there.
func manyRows(tx *Tx) error {
	for i := range 2000 {
		if err := tx.Put(rowsBucket, fmt.Appendf(nil, "row %04d", i*7%2000), make([]byte, 50)); err != nil {
			return err
		}
	}
	return nil
}

// deleteAll empties a bucket, row by row.
func deleteAll(tx *Tx) error {
	var keys [][]byte
	c := tx.Bucket(rowsBucket).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		keys = append(keys, append([]byte(nil), k...))
	}
	for _, k := range keys {
		if err := tx.Delete(rowsBucket, k); err != nil {
			return err
		}
	}
	return nil
}

func undoSetUp(tx *Tx) error {
	for i := range 300 {
		if err := put(fmt.Sprintf("row %04d", i), "set up")(tx); err != nil {
			return err
		}
	}
	return steps(put("old", "value"), put("empty", ""), addItem, addItem)(tx)
}

func TestAFailedChangeLeavesNoTrace(t *testing.T) {
	for name, bad := range undoSteps {
		for how, fail := range map[string]func() error{
			"error": func() error { return errRefused },
			"panic": func() error { panic(errRefused) },
		} {
			t.Run(name+", then "+how, func(t *testing.T) {
				s := openNew(t, Options{})
				mustChange(t, s, undoSetUp)
				before := dump(t, s)
				if err := do(t.Context(), s, func(tx *Tx) error {
					if err := bad(tx); err != nil {
						t.Error(err)
					}
					return fail()
				}); err == nil {
					t.Error("the change did not fail")
				}
				wantDump(t, dump(t, s), before)
				mustChange(t, s, steps(put("good", "after"), addItem))
				wantRow(t, s, "good", "after")
			})
		}
	}
}

// In one batch, good changes stand before and after a bad one, on the same rows. What is
// left must be what the good ones leave alone, numbers and ids included.
func TestAFailedChangeLeavesItsNeighbours(t *testing.T) {
	good := steps(func(tx *Tx) error {
		return tx.Put(itemsBucket, be(2), []byte("good"))
	}, put("good", "before"), put("old", "good"), addItem)
	goodToo := func(tx *Tx) error {
		return steps(put("good too", string(tx.Get(rowsBucket, []byte("old")))+strconv.FormatUint(tx.Sequence(), 10)), deleteRow("empty"), addItem)(tx)
	}
	want := openNew(t, Options{})
	mustChange(t, want, undoSetUp)
	mustChange(t, want, good)
	mustChange(t, want, goodToo)
	for name, bad := range undoSteps {
		t.Run(name, func(t *testing.T) {
			s := openNew(t, Options{})
			mustChange(t, s, undoSetUp)
			commits := countCommits(s)
			h := hold(t, s)
			runs := func(fn func(*Tx) error, wantErr error) {
				h.start(func() {
					if err := do(t.Context(), s, fn); !errors.Is(err, wantErr) {
						t.Errorf("the change gave %v, want %v", err, wantErr)
					}
				})
			}
			refused := func(tx *Tx) error { return errors.Join(bad(tx), errRefused) }
			runs(refused, errRefused)
			runs(good, nil)
			runs(refused, errRefused)
			runs(refused, errRefused)
			runs(goodToo, nil)
			runs(refused, errRefused)
			h.letGo()
			if got := commits(); len(got) != 1 || got[0] != 2 {
				t.Errorf("commits of %v changes, want one of 2", got)
			}
			wantDump(t, dump(t, s), dump(t, want))
		})
	}
}

// What a change read must stay as it was while later steps rewrite the same page.
func TestBytesStayValidWithinAChange(t *testing.T) {
	s := openNew(t, Options{})
	mustChange(t, s, undoSetUp)
	mustChange(t, s, func(tx *Tx) error {
		old := tx.Get(rowsBucket, []byte("old"))
		item := tx.Get(itemsBucket, be(1))
		if err := steps(manyRows, put("old", "another value"), deleteAll, addItem)(tx); err != nil {
			return err
		}
		if string(old) != "value" || string(item) != "item 1" {
			t.Errorf("what was read has become %q and %q", old, item)
		}
		return nil
	})
}
