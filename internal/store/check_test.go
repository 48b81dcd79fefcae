package store

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/splitboard/splitboard/gen/splitboard/store/v1"
)

// buildSound makes a store with rows, ids and remembered answers, and closes it.
func buildSound(tb testing.TB, path string) {
	tb.Helper()
	now := newClock()
	s, err := Open(path, testSchema, Options{Now: now.now})
	if err != nil {
		tb.Fatal(err)
	}
	s.file.db.NoSync = true
	for i := range 100 {
		mustChange(tb, s, steps(put(fmt.Sprintf("row %03d", i), strings.Repeat("value", 30)), addItem))
	}
	var c counter
	for i := range 3 {
		if _, err := c.create(WithIdempotencyKey(tb.Context(), fmt.Sprint("key", i)), s, "/a", "x"); err != nil {
			tb.Fatal(err)
		}
		now.advance(time.Second)
	}
	closeStore(tb, s)
	wantSound(tb, path, testSchema)
}

// firstExpiry gives the key of the oldest expiry.
func firstExpiry(tx *bbolt.Tx) []byte {
	k, _ := tx.Bucket(keysByExpiryBucket).Cursor().First()
	return append([]byte(nil), k...)
}

func metaPut(key, value []byte) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(key, value) }
}

// summed repairs the checksum after the damage, so that it alone does not tell.
func summed(damage func(*bbolt.Tx) error) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		if err := damage(tx); err != nil {
			return err
		}
		sum, err := sumRows(tx)
		if err != nil {
			return err
		}
		return metaPut(metaChecksum, be(sum))(tx)
	}
}

func TestCheckFindsDamage(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(*bbolt.Tx) error
		want   []string // what each problem contains, in order
	}{
		"a row changed": {func(tx *bbolt.Tx) error {
			return tx.Bucket(rowsBucket).Put([]byte("row 050"), []byte("other"))
		}, []string{"checksum"}},
		"a row gone": {func(tx *bbolt.Tx) error {
			return tx.Bucket(rowsBucket).Delete([]byte("row 050"))
		}, []string{"checksum"}},
		"a row too many": {func(tx *bbolt.Tx) error {
			return tx.Bucket(rowsBucket).Put([]byte("extra"), nil)
		}, []string{"checksum"}},
		"two values exchanged": {func(tx *bbolt.Tx) error {
			return errors.Join(
				tx.Bucket(itemsBucket).Put(be(1), []byte("item 2")),
				tx.Bucket(itemsBucket).Put(be(2), []byte("item 1")))
		}, []string{"checksum"}},
		"a row in another bucket": {func(tx *bbolt.Tx) error {
			v := append([]byte(nil), tx.Bucket(itemsBucket).Get(be(1))...)
			return errors.Join(tx.Bucket(itemsBucket).Delete(be(1)), tx.Bucket(rowsBucket).Put(be(1), v))
		}, []string{"checksum"}},
		"a bucket too many": {func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket([]byte("extra"))
			return errors.Join(err, b.Put([]byte("k"), []byte("v")))
		}, []string{"checksum"}},
		"the checksum":     {metaPut(metaChecksum, be(1)), []string{"checksum"}},
		"no checksum":      {metaPut(metaChecksum, nil), []string{"meta: checksum has 0 bytes", "checksum: the rows"}},
		"no sequence":      {metaPut(metaSequence, nil), []string{"meta: sequence has 0 bytes"}},
		"a short epoch":    {metaPut(metaEpoch, []byte("1")), []string{"meta: epoch has 1 bytes"}},
		"no create time":   {metaPut(metaCreateTime, nil), []string{"meta: create_time has 0 bytes"}},
		"no schema":        {metaPut(metaSchema, nil), []string{"meta: schema has 0 bytes", "min_reader is 1, beyond"}},
		"no min_reader":    {metaPut(metaMinReader, nil), []string{"meta: min_reader has 0 bytes"}},
		"no secret":        {metaPut(metaSecret, nil), []string{"meta: page_secret has 0 bytes"}},
		"a half migration": {metaPut(metaMigrating, be(1)), []string{"the migration from schema version 1 to 1"}},
		"no bucket of ours": {func(tx *bbolt.Tx) error {
			return tx.DeleteBucket(rowsBucket)
		}, []string{"checksum", "bucket rows is missing"}},
		"no bucket for keys": {func(tx *bbolt.Tx) error {
			return errors.Join(tx.DeleteBucket(keysBucket), tx.DeleteBucket(keysByExpiryBucket))
		}, []string{"checksum", "bucket idempotency is missing", "bucket idempotency_by_expiry is missing"}},
		"a missing expiry": {summed(func(tx *bbolt.Tx) error {
			return tx.Bucket(keysByExpiryBucket).Delete(firstExpiry(tx))
		}), []string{`idempotency "key0": its expiry is not`, "3 keys, idempotency_by_expiry 2"}},
		"a dangling expiry": {summed(func(tx *bbolt.Tx) error {
			return tx.Bucket(keysBucket).Delete([]byte("key0"))
		}), []string{"there is no such key", "2 keys, idempotency_by_expiry 3"}},
		"an expiry that names no key": {summed(func(tx *bbolt.Tx) error {
			return tx.Bucket(keysByExpiryBucket).Put(be(1), nil)
		}), []string{"there is no such key", "3 keys, idempotency_by_expiry 4"}},
		"a second expiry": {summed(func(tx *bbolt.Tx) error {
			return tx.Bucket(keysByExpiryBucket).Put(append(be(1), "key0"...), nil)
		}), []string{"3 keys, idempotency_by_expiry 4"}},
		"another expiry": {summed(func(tx *bbolt.Tx) error {
			value, err := proto.Marshal(&storev1.IdempotencyRecord{ExpireTime: timestamppb.New(time.Unix(1, 0))})
			return errors.Join(err, tx.Bucket(keysBucket).Put([]byte("key0"), value))
		}), []string{`idempotency "key0": its expiry is not`}},
		"an unreadable record": {summed(func(tx *bbolt.Tx) error {
			return tx.Bucket(keysBucket).Put([]byte("key0"), []byte("\xff"))
		}), []string{`idempotency "key0": proto`}},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			buildSound(t, path)
			if err := writeBolt(path, c.damage); err != nil {
				t.Fatal(err)
			}
			problems, err := Check(path, testSchema)
			if err != nil || len(problems) != len(c.want) {
				t.Fatalf("Check = %q, %v; want %q", problems, err, c.want)
			}
			for i, want := range c.want {
				// protobuf's messages vary their spaces, so that nobody compares them.
				if got := strings.ReplaceAll(problems[i], "\u00a0", " "); !strings.Contains(got, want) {
					t.Errorf("Check reports %q, want %q", got, want)
				}
			}
		})
	}
}

// A page that the disk lost, and gave back as zeros, is damage wherever it is.
func TestCheckFindsLostPages(t *testing.T) {
	path := newPath(t)
	buildSound(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := make(map[int]bool)
	pageSize := 0
	if err := readOnly(path, func(tx *bbolt.Tx) error {
		pageSize = tx.DB().Info().PageSize
		for err := range tx.Check() { // which loads the list of free pages, too
			t.Error(err)
		}
		for id := 2; int64(id)*int64(pageSize) < tx.Size(); id++ {
			p, err := tx.Page(id)
			if err != nil {
				return err
			}
			used[id] = p.Type != "free"
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	found := 0
	for id, isUsed := range used {
		broken := append([]byte(nil), whole...)
		clear(broken[id*pageSize : (id+1)*pageSize])
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		problems, err := Check(path, testSchema)
		if sound := err == nil && len(problems) == 0; sound == isUsed {
			t.Errorf("page %d (used: %t): Check = %q, %v", id, isUsed, problems, err)
		}
		if isUsed {
			found++
		}
	}
	if found < 10 {
		t.Errorf("only %d pages were tried", found)
	}
}

func TestCheckReportsTheServicesInvariants(t *testing.T) {
	path := newPath(t)
	buildSound(t, path)
	schema := testSchema
	schema.Check = func(tx *bbolt.Tx, report func(string, ...any)) error {
		for range 1000 {
			report("item %d is bad", tx.Bucket(itemsBucket).Sequence())
		}
		return nil
	}
	problems, err := Check(path, schema)
	if err != nil || len(problems) != maxProblems || problems[0] != "item 103 is bad" {
		t.Errorf("Check = %d problems, %v; want %d", len(problems), err, maxProblems)
	}
	schema.Check = func(*bbolt.Tx, func(string, ...any)) error { return errRefused }
	if _, err := Check(path, schema); !errors.Is(err, errRefused) {
		t.Errorf("Check = %v", err)
	}
}

// A file that no newer binary has opened yet lacks a bucket, and rightly so.
func TestCheckOfAnOlderFile(t *testing.T) {
	path := newPath(t)
	buildSound(t, path)
	wantSound(t, path, schemaV2())
}

func TestCheckOfTheOpenStore(t *testing.T) {
	path := newPath(t)
	buildSound(t, path)
	s, err := Open(path, testSchema, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := s.Check(); err != nil || len(problems) > 0 {
		t.Errorf("Check = %q, %v", problems, err)
	}
	if err := s.file.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(rowsBucket).Delete([]byte("row 050"))
	}); err != nil {
		t.Fatal(err)
	}
	if problems, err := s.Check(); err != nil || len(problems) != 1 {
		t.Errorf("Check = %q, %v; want the checksum", problems, err)
	}
	mustChange(t, s, addItem) // the store goes on
	closeStore(t, s)
}

func TestCheckOfABusyStore(t *testing.T) {
	s := openNew(t, Options{})
	stop := make(chan struct{})
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := do(t.Context(), s, steps(put(strconv.Itoa(i%1000), strings.Repeat("v", i%3000)), addItem)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	eventually(t, func() bool { return s.Sequence() > 100 })
	for range 50 {
		if problems, err := s.Check(); err != nil || len(problems) > 0 {
			t.Errorf("Check = %q, %v", problems, err)
		}
	}
	close(stop)
	<-writing
}
