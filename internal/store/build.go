package store

import (
	"context"
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/splitboard/splitboard/internal/disk"
)

// A transaction ends at whichever of these it reaches first while a store is built: it
// holds enough that rewriting pages does not dominate, and little enough for memory.
const (
	buildChanges = 5000
	buildBytes   = 16 << 20
)

// A Builder fills a store that nobody serves yet.
type Builder struct {
	ctx    context.Context // a Builder lives as long as one call of Build
	db     *bbolt.DB
	schema Schema
	bolt   *bbolt.Tx
	tx     *Tx
	n      int   // changes in the open transaction
	err    error // what ended the build
}

// Build makes a new store at path from what fill puts into it, whole or not at all: it
// is built beside path, synced, and renamed into place. digest, if any, names what it
// was filled with. The caller must hold the service's lock. It returns ErrExists, fill's
// error, ctx's error or what the file system said.
func Build(ctx context.Context, path string, schema Schema, opts Options, digest []byte, fill func(*Builder) error) (err error) {
	opts = opts.withDefaults()
	switch _, err := os.Stat(path); {
	case err == nil:
		return fmt.Errorf("%w: %s", ErrExists, path)
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	aside := path + ".new"
	if err := disk.Remove(aside); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, disk.Remove(aside))
		}
	}()
	o := boltOptions()
	o.NoSync = true // one sync at the end; until the rename the file does not count
	o.NoGrowSync = true
	db, err := openBolt(aside, o)
	if err != nil {
		return err
	}
	b := &Builder{ctx: ctx, db: db, schema: schema}
	if err := errors.Join(b.fill(opts, digest, fill), db.Close()); err != nil {
		return err
	}
	if err := os.Rename(aside, path); err != nil {
		return err
	}
	return disk.SyncParent(path)
}

func (b *Builder) fill(opts Options, digest []byte, fill func(*Builder) error) error {
	err := b.db.Update(func(tx *bbolt.Tx) error {
		if err := initMeta(tx, b.schema, opts.Now()); err != nil {
			return err
		}
		if digest == nil {
			return nil
		}
		return tx.Bucket(metaBucket).Put(metaImportDigest, digest)
	})
	if err != nil {
		return err
	}
	if err := b.begin(0, 0); err != nil {
		return err
	}
	if err := fill(b); b.err == nil {
		b.err = err
	}
	if b.err == nil {
		b.err = b.commit()
	}
	if b.err != nil {
		if err := b.bolt.Rollback(); !errors.Is(err, berrors.ErrTxClosed) { // by a failed commit
			b.err = errors.Join(b.err, err)
		}
		return b.err
	}
	return b.db.Sync()
}

// Change runs apply, as one change with a number of its own. Its error ends the build.
func (b *Builder) Change(apply func(*Tx) error) error {
	if b.err == nil {
		b.err = b.change(apply)
	}
	return b.err
}

func (b *Builder) change(apply func(*Tx) error) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	b.tx.begin()
	if err := apply(b.tx); err != nil {
		return err
	}
	b.tx.keep()
	b.n++
	if b.n < buildChanges && b.tx.bytes < buildBytes {
		return nil
	}
	if err := b.commit(); err != nil {
		return err
	}
	return b.begin(b.tx.checksum, b.tx.sequence)
}

func (b *Builder) begin(checksum, sequence uint64) error {
	bolt, err := b.db.Begin(true)
	if err != nil {
		return err
	}
	b.bolt, b.tx, b.n = bolt, newTx(bolt, b.schema, checksum, sequence, false), 0
	return nil
}

func (b *Builder) commit() error {
	if err := b.tx.writeState(); err != nil {
		return err
	}
	return b.bolt.Commit()
}
