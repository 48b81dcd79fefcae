package store

import (
	"context"
	"errors"
	"io"
	"os"

	"go.etcd.io/bbolt"
)

// BackupTo writes a consistent copy of the store to a new file at path, which `serve`
// can start from, while the store goes on serving. It syncs the file, and removes it
// again if anything fails. path must be on a local disk: the copy is one long read
// transaction, and pages that are freed meanwhile stay unused until it ends.
func (s *Store) BackupTo(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = s.View(func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(&cancellable{ctx: ctx, w: f})
		return err
	})
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// cancellable fails writes once its context has ended.
type cancellable struct {
	ctx context.Context //nolint:containedctx // lives as long as one call of BackupTo
	w   io.Writer
}

func (c *cancellable) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}
