package transfer

import (
	"go.etcd.io/bbolt"

	"github.com/splitboard/splitboard/internal/store"
)

// File is a Source over the file of a store that nobody serves. The caller holds its
// service's lock, or the file is a copy of the caller's own. Its View is store.ReadOnly.
func File(table Table, path string, schema store.Schema) Source {
	return Source{Table: table, View: func(fn func(tx *bbolt.Tx) error) error {
		return store.ReadOnly(path, schema, fn)
	}}
}
