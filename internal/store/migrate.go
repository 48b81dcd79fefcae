package store

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Migrate runs the schema's migrations that the store at path has not had, and raises
// its min_reader: from then on binaries that do not know the new version refuse it. The
// caller must hold the service's lock. Each step is one transaction, so an interrupted
// migration goes on where it stopped. It returns the min_reader that all rows had before,
// and the one that the store has now.
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
	before = info.migratedTo()
	err = errors.Join(migrate(db, schema, before), db.Close())
	now, perr := Peek(path)
	return before, now.MinReader, errors.Join(err, perr)
}

// migratedTo gives the min_reader that all rows have.
func (i Info) migratedTo() uint32 {
	if i.Migrating != 0 {
		return i.Migrating
	}
	return i.MinReader
}

// migrate runs the migrations beyond a version.
func migrate(db *bbolt.DB, schema Schema, beyond uint32) error {
	for _, m := range schema.Migrations {
		if m.Version <= beyond {
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
			info.SchemaVersion = max(info.SchemaVersion, schema.Version)
			if err := markMigrated(bolt, info, m, done); err != nil {
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
func markMigrated(bolt *bbolt.Tx, info Info, m Migration, done bool) error {
	meta := bolt.Bucket(metaBucket)
	if err := meta.Put(metaMinReader, be(uint64(m.Version))); err != nil {
		return err
	}
	if err := meta.Put(metaSchema, be(uint64(info.SchemaVersion))); err != nil {
		return err
	}
	if done {
		return meta.Delete(metaMigrating)
	}
	return meta.Put(metaMigrating, be(uint64(info.migratedTo())))
}
