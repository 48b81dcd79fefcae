package transfer

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/splitboard/splitboard/internal/store"
)

// File is a Source over the file of a store that nobody serves. The caller holds its
// service's lock, or the file is a copy of the caller's own. Its View returns
// store.ErrMissing, store.ErrForeign, store.ErrDamaged, store.ErrTooNew, its function's
// error, or what the file system said.
func File(table Table, path string, schema store.Schema) Source {
	return Source{Table: table, View: func(fn func(tx *bbolt.Tx) error) error {
		info, err := store.Peek(path)
		if err != nil {
			return err
		}
		if info.Service != schema.Service {
			return fmt.Errorf("%w: %s is the store of %q, not of %q", store.ErrForeign, path, info.Service, schema.Service)
		}
		if info.MinReader > schema.Version {
			return fmt.Errorf("%w: %s needs schema version %d, this binary knows %d", store.ErrTooNew, path, info.MinReader, schema.Version)
		}
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
		if err != nil {
			return err
		}
		return errors.Join(db.View(fn), db.Close())
	}}
}
