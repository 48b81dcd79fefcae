package store

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Migrate runs the schema's migrations that the store at path has not had, and raises
// its min_reader: from then on binaries that do not know the new version refuse it. The
// caller must hold the service's lock. Each step is one transaction, so an interrupted
// migration goes on where it stopped. It returns min_reader before and after.
func Migrate(path string, schema Schema) (before, after uint32, err error) {
	info, err := Peek(path)
	if err != nil {
		return 0, 0, err
	}
	if err := admit(info, schema); err != nil {
		return 0, 0, err
	}
	before, after = info.MinReader, info.MinReader
	db, err := openBolt(path, boltOptions())
	if err != nil {
		return 0, 0, err
	}
	for _, m := range schema.Migrations {
		if m.Version <= after {
			continue
		}
		if err := migrateTo(db, schema, m); err != nil {
			return before, after, errors.Join(fmt.Errorf("migrating to version %d: %w", m.Version, err), db.Close())
		}
		after = m.Version
	}
	return before, after, db.Close()
}

// migrateTo runs one migration to its end.
func migrateTo(db *bbolt.DB, schema Schema, m Migration) error {
	for done := false; !done; {
		err := db.Update(func(bolt *bbolt.Tx) (err error) {
			if err := createBuckets(bolt, schema); err != nil {
				return err
			}
			info, err := readInfo(bolt)
			if err != nil {
				return err
			}
			tx := newTx(bolt, schema, info.Checksum, info.Sequence, false)
			tx.begin()
			if done, err = m.Step(tx); err != nil {
				return err
			}
			tx.keep()
			if done {
				meta := bolt.Bucket(metaBucket)
				if err := meta.Put(metaMinReader, be(uint64(m.Version))); err != nil {
					return err
				}
				if err := meta.Put(metaSchema, be(uint64(max(info.SchemaVersion, schema.Version)))); err != nil {
					return err
				}
			}
			return tx.writeState()
		})
		if err != nil {
			return err
		}
	}
	return nil
}
