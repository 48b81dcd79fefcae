package store

import (
	"go.etcd.io/bbolt"
)

// A Bucket is one of a service's buckets.
type Bucket struct {
	// Name is its name in the file.
	Name []byte
	// Since is the schema version that brought it. Open creates it in older files.
	Since uint32
	// Appended says that keys only ever grow, so its pages can be filled
	// nearly whole instead of being left half empty by splits in the middle.
	Appended bool
}

// A Schema says what a service's file holds.
type Schema struct {
	// Service is the service's name. A file of another service is refused.
	Service string
	// Version is the newest schema version that this binary knows. Opening an
	// older file adds what is missing, in O(1), and older binaries can still
	// open it as long as the file's min_reader allows.
	Version uint32
	// Buckets are the service's own buckets.
	Buckets []Bucket
	// Check reports every broken invariant of the service's rows. In a file that is
	// older than the schema, the buckets that came since are nil.
	Check func(tx *bbolt.Tx, report func(format string, args ...any)) error
	// Migrations are the changes that older binaries cannot read past, oldest
	// first. Only Migrate runs them.
	Migrations []Migration
}

// A Migration rewrites rows for a schema version, and raises the file's min_reader to
// it. Until it has ended the binary meets rows of both kinds.
type Migration struct {
	// Version is the schema version that the rows have afterwards.
	Version uint32
	// Step rewrites a bounded number of rows in one transaction, and tells whether
	// all are done. It is called again until they are, and again from where the
	// data shows it stopped if the process died between.
	Step func(tx *Tx) (done bool, err error)
}

// appended tells whether a bucket's keys only grow.
func (s Schema) appended(name []byte) bool {
	for _, b := range s.Buckets {
		if string(b.Name) == string(name) {
			return b.Appended
		}
	}
	return false
}
