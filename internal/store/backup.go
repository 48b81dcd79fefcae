package store

import (
	"context"
	"errors"
	"io"
	"os"

	"go.etcd.io/bbolt"

	"github.com/splitboard/splitboard/internal/disk"
)

// errBrokenOff is ErrClosed for a backup.
var errBrokenOff = ErrClosed.Message("the copy was broken off, because this process is giving the store up; try again")

// BackupTo writes a consistent copy of the store to a new file at path, which `serve`
// can start from, while the store goes on serving. It syncs the file, and removes it
// again if anything fails; one that a crash cut short is refused when it is opened. path
// must be on a local disk: the copy is one long read transaction, and pages that are
// freed meanwhile stay unused until it ends. A backup does not hold up the gate: when
// that closes it ends with ErrClosed.
func (s *Store) BackupTo(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = s.View(func(tx *bbolt.Tx) error {
		w := &cancellable{ctx: ctx, closing: s.gate.closing(), w: f}
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
	ctx     context.Context // lives as long as one call of BackupTo
	closing context.Context // ends when the gate closes
	w       io.Writer
	err     error
}

func (c *cancellable) Write(p []byte) (n int, err error) {
	switch {
	case c.ctx.Err() != nil:
		c.err = c.ctx.Err()
	case c.closing.Err() != nil:
		c.err = errBrokenOff
	default:
		n, c.err = c.w.Write(p)
	}
	return n, c.err
}
