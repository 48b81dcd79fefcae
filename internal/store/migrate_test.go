package store

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"go.etcd.io/bbolt"
)

var newBucket = []byte("new")

// schemaV2 adds a bucket, which older binaries can do without.
func schemaV2() Schema {
	s := testSchema
	s.Version = 2
	s.Buckets = append(append([]Bucket(nil), s.Buckets...), Bucket{Name: newBucket, Since: 2})
	return s
}

func TestOpenAddsWhatIsMissing(t *testing.T) {
	path := newPath(t)
	s := openAt(t, path, testSchema, Options{})
	mustChange(t, s, put("k", "old binary"))
	closeStore(t, s)

	s = openAt(t, path, schemaV2(), Options{})
	info, err := s.Info()
	if err != nil || info.SchemaVersion != 2 || info.MinReader != 1 {
		t.Errorf("a newer binary has made it %+v, %v", info, err)
	}
	mustChange(t, s, func(tx *Tx) error { return tx.Put(newBucket, []byte("k"), []byte("new binary")) })
	closeStore(t, s)

	// The older binary keeps what it does not know, and the checksum of it.
	s = openAt(t, path, testSchema, Options{})
	info, err = s.Info()
	if err != nil || info.SchemaVersion != 2 || info.MinReader != 1 {
		t.Errorf("the older binary has made it %+v, %v", info, err)
	}
	wantRow(t, s, "k", "old binary")
	mustChange(t, s, put("k", "old binary again"))
	closeStore(t, s)
	wantSound(t, path, testSchema)
	wantSound(t, path, schemaV2())
}

// upperCase rewrites the rows of a bucket, so many at a time. A row that has been
// rewritten shows it.
func upperCase(bucket []byte, atATime int) func(*Tx) (bool, error) {
	return func(tx *Tx) (bool, error) {
		var keys, values [][]byte
		c := tx.Bucket(bucket).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if upper := bytes.ToUpper(v); !bytes.Equal(upper, v) {
				if len(keys) == atATime {
					break
				}
				keys, values = append(keys, k), append(values, upper)
			}
		}
		for i, k := range keys {
			if err := tx.Put(bucket, k, values[i]); err != nil {
				return false, err
			}
		}
		return len(keys) < atATime, nil
	}
}

func countUpper(t *testing.T, path string, bucket []byte) (upper, lower int) {
	t.Helper()
	if err := readOnly(path, func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(_, v []byte) error {
			if bytes.Equal(bytes.ToUpper(v), v) {
				upper++
			} else {
				lower++
			}
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return upper, lower
}

func TestMigrate(t *testing.T) {
	path := newPath(t)
	if err := Build(t.Context(), path, testSchema, Options{}, nil, func(b *Builder) error {
		for i := range 25 {
			if err := b.Change(steps(put(fmt.Sprint("k", i), "row"), addItem)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	schema := schemaV2()
	schema.Version = 3
	calls, dies := 0, 2
	interrupted := func(step func(*Tx) (bool, error)) func(*Tx) (bool, error) {
		return func(tx *Tx) (bool, error) {
			done, err := step(tx)
			if calls++; calls == dies {
				return done, errors.Join(err, errRefused) // after writing, before the commit
			}
			return done, err
		}
	}
	schema.Migrations = []Migration{
		{Version: 2, Step: interrupted(upperCase(rowsBucket, 10))},
		{Version: 3, Step: interrupted(upperCase(itemsBucket, 10))},
	}

	// It stops half way through the first migration.
	before, after, err := Migrate(path, schema)
	if before != 1 || after != 2 || !errors.Is(err, errRefused) {
		t.Fatalf("Migrate = %d, %d, %v", before, after, err)
	}
	if upper, lower := countUpper(t, path, rowsBucket); upper != 10 || lower != 15 {
		t.Errorf("%d rows of %d are rewritten, want 10 of 25", upper, upper+lower)
	}
	// A binary that does not know the new rows must not meet the half of them.
	if _, err := Open(path, testSchema, Options{}); !errors.Is(err, ErrTooNew) {
		t.Errorf("an older binary opens it: %v", err)
	}
	problems, err := Check(path, schema)
	if err != nil || len(problems) != 1 {
		t.Errorf("Check = %q, %v; want the migration that has not ended", problems, err)
	}
	// The new binary serves it, and writes to it.
	half, err := Open(path, schema, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustChange(t, half, put("k24", "written between"))
	closeStore(t, half)

	// It goes on where it stopped, and stops again half way through the second.
	calls, dies = 0, 4
	before, after, err = Migrate(path, schema)
	if before != 1 || after != 3 || !errors.Is(err, errRefused) {
		t.Fatalf("Migrate = %d, %d, %v", before, after, err)
	}
	if upper, lower := countUpper(t, path, rowsBucket); upper != 25 || lower != 0 {
		t.Errorf("%d rows of %d are rewritten, want all", upper, upper+lower)
	}
	if upper, lower := countUpper(t, path, itemsBucket); upper != 10 || lower != 15 {
		t.Errorf("%d items of %d are rewritten, want 10 of 25", upper, upper+lower)
	}

	calls, dies = 0, 0
	before, after, err = Migrate(path, schema)
	if before != 2 || after != 3 || err != nil || calls != 2 {
		t.Errorf("Migrate = %d, %d, %v in %d steps; want 2, 3 in 2", before, after, err, calls)
	}
	wantSound(t, path, schema)
	calls = 0
	if before, after, err = Migrate(path, schema); before != 3 || after != 3 || err != nil || calls != 0 {
		t.Errorf("once more: Migrate = %d, %d, %v in %d steps; want nothing to do", before, after, err, calls)
	}
	info, err := Peek(path)
	if err != nil || info.SchemaVersion != 3 || info.MinReader != 3 || info.Migrating != 0 || info.Epoch != 1 {
		t.Errorf("in the end it says %+v, %v", info, err)
	}
	s := openAt(t, path, schema, Options{})
	wantRow(t, s, "k24", "WRITTEN BETWEEN")
	wantRow(t, s, "k0", "ROW")
}

func TestMigrateOfABusyStore(t *testing.T) {
	s := openNew(t, Options{})
	if _, _, err := Migrate(s.path, testSchema); !errors.Is(err, ErrBusy) {
		t.Errorf("Migrate = %v, want ErrBusy", err)
	}
}
