package store

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Migrate runs the schema's migrations that the store at path has not had, and raises
// its min_reader: from then on binaries that do not know the new version refuse it. The
// caller must hold the service's lock. Each step is one transaction, so an interrupted
// migration goes on where it stopped. It returns min_reader before and after, which are
// the same if all there was to do was to end an interrupted migration.
func Migrate(path string, schema Schema) (before, after uint32, err error) {
	info, err := Peek(path)
	if err != nil {
		return 0, 0, err
	}
	if err := admit(info, schema); err != nil {
		return 0, 0, err
	}
	db, err := openBolt(path, boltOptions())
	if err != nil {
		return 0, 0, err
	}
	err = errors.Join(migrate(db, schema, info), db.Close())
	now, perr := Peek(path)
	return info.MinReader, now.MinReader, errors.Join(err, perr)
}

// migrate runs the migrations that a store which says info has not had whole.
func migrate(db *bbolt.DB, schema Schema, info Info) error {
	for _, m := range schema.Migrations {
		if m.Version <= info.MinReader && m.Version != info.Migrating {
			continue
		}
		if err := migrateTo(db, schema, m); err != nil {
			return fmt.Errorf("migrating to version %d: %w", m.Version, err)
		}
	}
	return nil
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
			if err := markMigrated(bolt, max(info.SchemaVersion, schema.Version), m, done); err != nil {
				return err
			}
			return tx.writeState()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// markMigrated records how far a migration is. min_reader rises with its first step:
// an older binary could not even read a store that is half way.
func markMigrated(bolt *bbolt.Tx, version uint32, m Migration, done bool) error {
	meta := bolt.Bucket(metaBucket)
	if err := meta.Put(metaMinReader, be(uint64(m.Version))); err != nil {
		return err
	}
	if err := meta.Put(metaSchema, be(uint64(version))); err != nil {
		return err
	}
	if done {
		return meta.Delete(metaMigrating)
	}
	return meta.Put(metaMigrating, be(uint64(m.Version)))
}
