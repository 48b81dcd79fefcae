package page

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/splitboard/splitboard/internal/fields"
)

var bucketName = []byte("rows")

// openRows opens a file with one empty bucket.
func openRows(t *testing.T) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "rows"), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	clearRows(t, db)
	return db
}

type tb interface {
	Helper()
	Fatal(args ...any)
}

func update(t tb, db *bbolt.DB, fn func(b *bbolt.Bucket) error) {
	t.Helper()
	if err := db.Update(func(tx *bbolt.Tx) error { return fn(tx.Bucket(bucketName)) }); err != nil {
		t.Fatal(err)
	}
}

func clearRows(t tb, db *bbolt.DB) {
	t.Helper()
	if err := db.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucketName) != nil {
			if err := tx.DeleteBucket(bucketName); err != nil {
				return err
			}
		}
		_, err := tx.CreateBucket(bucketName)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func rowKey(prefix []byte, id int64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(nil), prefix...), uint64(id))
}

// scan reads one page of ids.
func scan(t tb, db *bbolt.DB, prefix []byte, size int, token string, desc bool) (ids []int64, next string) {
	t.Helper()
	order := "id"
	if desc {
		order = "id desc"
	}
	var v fields.Violations
	r, err := NewRequest(&v, secret, fmt.Sprintf("rows of %x", prefix), int32(size), token, order)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.View(func(tx *bbolt.Tx) (err error) {
		next, err = r.Scan(tx.Bucket(bucketName), prefix, func(id int64, _ []byte) (int, error) {
			ids = append(ids, id)
			return 1, nil
		})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return ids, next
}

// TestAWalkSeesStableRowsOnce walks while rows come and go: what was there all along is
// seen exactly once, whatever the order, and nothing is seen that never was.
func TestAWalkSeesStableRowsOnce(t *testing.T) {
	db := openRows(t)
	edge := []int64{1, 2, 3, 255, 256, 257, math.MaxInt32, math.MaxInt64 - 2, math.MaxInt64 - 1, math.MaxInt64}
	value := make([]byte, 500) // few of them fill a page of the file
	idGen := rapid.OneOf(rapid.SampledFrom(edge), rapid.Int64Range(1, 60))
	prefixes := [][]byte{nil, rowKey(nil, 1), rowKey(nil, 2), rowKey(nil, math.MaxInt64)}
	rapid.Check(t, func(rt *rapid.T) {
		clearRows(rt, db)
		prefix := rapid.SampledFrom(prefixes).Draw(rt, "prefix")
		desc := rapid.Bool().Draw(rt, "desc")
		size := rapid.IntRange(1, 9).Draw(rt, "page size")
		stable := rapid.SliceOfDistinct(idGen, rapid.ID).Draw(rt, "stable")
		comeAndGo := rapid.SliceOfDistinct(idGen.Filter(func(id int64) bool { return !slices.Contains(stable, id) }), rapid.ID)
		there := make(map[int64]bool)  // now
		always := make(map[int64]bool) // at some time
		rewrite := func(ids []int64) {
			update(rt, db, func(b *bbolt.Bucket) error {
				for _, id := range ids {
					key := rowKey(prefix, id)
					if there[id] {
						delete(there, id)
						if err := b.Delete(key); err != nil {
							return err
						}
						continue
					}
					there[id], always[id] = true, true
					if err := b.Put(key, value); err != nil {
						return err
					}
				}
				return nil
			})
		}
		rewrite(stable)
		if prefix != nil { // other owners' rows are in the same bucket
			update(rt, db, func(b *bbolt.Bucket) error {
				for _, owner := range []int64{0, 1, 2, 3, math.MaxInt64 - 1, math.MaxInt64} {
					for _, id := range edge {
						if other := rowKey(nil, owner); string(other) != string(prefix) {
							if err := b.Put(rowKey(other, id), value); err != nil {
								return err
							}
						}
					}
				}
				return nil
			})
		}
		var seen []int64
		token := ""
		for {
			rewrite(comeAndGo.Draw(rt, "come and go"))
			ids, next := scan(rt, db, prefix, size, token, desc)
			seen = append(seen, ids...)
			if len(ids) > size || (next != "" && len(ids) != size) {
				rt.Fatalf("a page of %d rows, at most %d; more to come: %t", len(ids), size, next != "")
			}
			if token = next; token == "" {
				break
			}
		}
		for i, id := range seen {
			if !always[id] {
				rt.Errorf("row %d was never there", id)
			}
			if i > 0 && (seen[i-1] < id) == desc {
				rt.Errorf("row %d follows %d", id, seen[i-1])
			}
		}
		for _, id := range stable {
			if n := len(slices.DeleteFunc(slices.Clone(seen), func(s int64) bool { return s != id })); n != 1 {
				rt.Errorf("row %d was seen %d times", id, n)
			}
		}
	})
}

func TestTheLastPageHasNoToken(t *testing.T) {
	db := openRows(t)
	if ids, next := scan(t, db, nil, 5, "", true); len(ids) != 0 || next != "" {
		t.Errorf("an empty bucket gives %v, %q", ids, next)
	}
	update(t, db, func(b *bbolt.Bucket) error {
		for id := range int64(10) {
			if err := b.Put(rowKey(nil, id+1), nil); err != nil {
				return err
			}
		}
		return nil
	})
	for _, desc := range []bool{false, true} {
		ids, next := scan(t, db, nil, 5, "", desc)
		if len(ids) != 5 || next == "" {
			t.Fatalf("the first page: %v, %q", ids, next)
		}
		// The page is full, and there is no other.
		if ids, next = scan(t, db, nil, 5, next, desc); len(ids) != 5 || next != "" {
			t.Errorf("the second page: %v, %q; want five and no token", ids, next)
		}
	}
	// All that was to come has gone since.
	_, next := scan(t, db, nil, 9, "", false)
	update(t, db, func(b *bbolt.Bucket) error { return b.Delete(rowKey(nil, 10)) })
	if ids, after := scan(t, db, nil, 9, next, false); len(ids) != 0 || after != "" {
		t.Errorf("after the last row: %v, %q", ids, after)
	}
}

func TestPagesAreBoundedInBytes(t *testing.T) {
	db := openRows(t)
	sizes := []int{MaxBytes - 1, 1, 5, 2 * MaxBytes, MaxBytes / 2, MaxBytes / 2, 0, 7, MaxBytes + 1}
	want := [][]int64{{1, 2}, {3, 4}, {5, 6}, {7, 8, 9}}
	update(t, db, func(b *bbolt.Bucket) error {
		for i, size := range sizes {
			if err := b.Put(rowKey(nil, int64(i+1)), rowKey(nil, int64(size))); err != nil {
				return err
			}
		}
		return nil
	})
	token := ""
	for i, page := range want {
		r, err := request(100, token, "")
		if err != nil {
			t.Fatal(err)
		}
		var ids []int64
		if err := db.View(func(tx *bbolt.Tx) (err error) {
			token, err = r.Scan(tx.Bucket(bucketName), nil, func(id int64, value []byte) (int, error) {
				ids = append(ids, id)
				return int(binary.BigEndian.Uint64(value)), nil
			})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ids, page) || (token == "") != (i == len(want)-1) {
			t.Errorf("page %d has %v and the token %q, want %v", i, ids, token, page)
		}
	}
}

func TestScanErrors(t *testing.T) {
	db := openRows(t)
	update(t, db, func(b *bbolt.Bucket) error { return b.Put([]byte("short"), nil) })
	r, err := request(0, "", "")
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	if err := db.View(func(tx *bbolt.Tx) error {
		_, err := r.Scan(tx.Bucket(bucketName), nil, func(int64, []byte) (int, error) { return 0, nil })
		return err
	}); err == nil {
		t.Error("a key that holds no id was passed over")
	}
	update(t, db, func(b *bbolt.Bucket) error { return errors.Join(b.Delete([]byte("short")), b.Put(rowKey(nil, 1), nil)) })
	if err := db.View(func(tx *bbolt.Tx) error {
		next, err := r.Scan(tx.Bucket(bucketName), nil, func(int64, []byte) (int, error) { return 0, refused })
		if next != "" {
			t.Errorf("a page that failed has the token %q", next)
		}
		return err
	}); !errors.Is(err, refused) {
		t.Errorf("Scan = %v, want visit's error", err)
	}
}
