package store

import (
	"context"
	"errors"
	"io"
	"os"

	"go.etcd.io/bbolt"

	"github.com/splitboard/splitboard/internal/disk"
)

// BackupTo writes a consistent copy of the store to a new file at path, which `serve`
// can start from, while the store goes on serving. It syncs the file, and removes it
// again if anything fails; one that a crash cut short is refused when it is opened. path
// must be on a local disk: the copy is one long read transaction, and pages that are
// freed meanwhile stay unused until it ends.
func (s *Store) BackupTo(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = s.View(func(tx *bbolt.Tx) error {
		w := &cancellable{ctx: ctx, w: f}
		_, err := tx.WriteTo(w)
		if w.err != nil {
			return w.err // bbolt keeps no more than its text
		}
		return err
	})
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = disk.SyncParent(path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// cancellable fails writes once its context has ended, and remembers why it failed.
type cancellable struct {
	ctx context.Context // lives as long as one call of BackupTo
	w   io.Writer
	err error
}

func (c *cancellable) Write(p []byte) (n int, err error) {
	if c.err = c.ctx.Err(); c.err == nil {
		n, c.err = c.w.Write(p)
	}
	return n, c.err
}
