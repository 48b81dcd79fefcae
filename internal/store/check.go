package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	storev1 "github.com/splitboard/splitboard/gen/splitboard/store/v1"
)

// maxProblems ends a check early: by then the store is past reading line by line.
const maxProblems = 100

// Check verifies every invariant of the store at path, which nobody may be serving: the
// file's pages, meta, the rolling checksum, the idempotency keys and the service's own
// rows. It returns what is wrong, at most 100 lines, or an error if the file could not
// be read: ErrMissing, ErrForeign, ErrDamaged, ErrTooNew or ErrBusy.
func Check(path string, schema Schema) (problems []string, err error) {
	err = readOnly(path, func(tx *bbolt.Tx) (err error) {
		problems, err = checkTx(tx, schema)
		return err
	})
	return problems, err
}

// Check does the same for the open store. Changes wait until it ends, because a commit
// between would make pages look lost: in a store that is being written to, a check that
// takes long is taken for a wedge.
func (s *Store) Check() (problems []string, err error) {
	if !s.gate.enter() {
		return nil, ErrClosed
	}
	defer s.gate.leave()
	tx, err := s.file.db.Begin(true)
	if err != nil {
		return nil, err
	}
	problems, err = checkTx(tx, s.schema)
	return problems, errors.Join(err, tx.Rollback())
}

func checkTx(tx *bbolt.Tx, schema Schema) (problems []string, err error) {
	report := func(format string, args ...any) {
		if len(problems) < maxProblems {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	info, err := readInfo(tx)
	if err != nil {
		return nil, err
	}
	if err := admit(info, schema); err != nil {
		return nil, err
	}
	for err := range tx.Check() {
		report("page: %v", err)
	}
	if len(problems) > 0 {
		// What stands on broken pages cannot be trusted, nor read safely.
		return problems, nil
	}
	checkMeta(tx, info, report)
	if !checkBuckets(tx, info, schema, report) {
		return problems, nil
	}
	if err := checkKeys(tx, report); err != nil {
		return nil, err
	}
	if schema.Check != nil {
		if err := schema.Check(tx, report); err != nil {
			return nil, err
		}
	}
	return problems, nil
}

// checkMeta verifies meta by itself, and its checksum against the rows.
func checkMeta(tx *bbolt.Tx, info Info, report func(string, ...any)) {
	m := tx.Bucket(metaBucket)
	for _, key := range [][]byte{metaCreateTime, metaEpoch, metaSchema, metaMinReader, metaSequence, metaChecksum} {
		if len(m.Get(key)) != 8 {
			report("meta: %s has %d bytes, not 8", key, len(m.Get(key)))
		}
	}
	if n := len(m.Get(metaSecret)); n != secretSize {
		report("meta: %s has %d bytes, not %d", metaSecret, n, secretSize)
	}
	if _, err := readHandoff(m.Get(metaHandoff)); err != nil {
		report("meta: %s: %v", metaHandoff, err)
	}
	if info.Migrating != 0 {
		report("the migration from schema version %d to %d has not ended; run it again", info.Migrating, info.MinReader)
	}
	if info.MinReader > info.SchemaVersion {
		report("meta: min_reader is %d, beyond the schema version %d", info.MinReader, info.SchemaVersion)
	}
	sum, err := sumRows(tx)
	if err != nil {
		report("checksum: %v", err)
	} else if sum != info.Checksum {
		report("checksum: the rows sum to %016x, meta says %016x", sum, info.Checksum)
	}
}

// checkBuckets verifies that every bucket is there, and tells whether they are.
func checkBuckets(tx *bbolt.Tx, info Info, schema Schema, report func(string, ...any)) bool {
	names := [][]byte{keysBucket, keysByExpiryBucket}
	for _, b := range schema.Buckets {
		if b.Since <= info.SchemaVersion {
			names = append(names, b.Name)
		}
	}
	all := true
	for _, name := range names {
		if tx.Bucket(name) == nil {
			report("bucket %s is missing", name)
			all = false
		}
	}
	return all
}

// sumRows computes the checksum that Mutate keeps.
func sumRows(tx *bbolt.Tx) (sum uint64, err error) {
	d := xxhash.New()
	err = tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
		if bytes.Equal(name, metaBucket) {
			return nil
		}
		return b.ForEach(func(k, v []byte) error {
			sum += rowHash(d, name, k, v)
			return nil
		})
	})
	return sum, err
}

// checkKeys verifies that the idempotency keys and their expiries name each other.
func checkKeys(tx *bbolt.Tx, report func(string, ...any)) error {
	keys, byExpiry := tx.Bucket(keysBucket), tx.Bucket(keysByExpiryBucket)
	records, expiries := 0, 0
	err := keys.ForEach(func(k, v []byte) error {
		records++
		var r storev1.IdempotencyRecord
		if err := proto.Unmarshal(v, &r); err != nil {
			report("idempotency %q: %v", k, err)
			return nil
		}
		// A row with an empty value reads as an empty slice, a missing one as nil.
		if byExpiry.Get(expiryKey(r.GetExpireTime().AsTime(), k)) == nil {
			report("idempotency %q: its expiry is not in idempotency_by_expiry", k)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = byExpiry.ForEach(func(k, _ []byte) error {
		expiries++
		if len(k) < 9 || keys.Get(k[8:]) == nil {
			report("idempotency_by_expiry %q: there is no such key", k)
		}
		return nil
	})
	if records != expiries {
		report("idempotency has %d keys, idempotency_by_expiry %d", records, expiries)
	}
	return err
}
