package store

import (
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"
)

// Peek tells what the closed store at path says of itself. It returns ErrMissing,
// ErrForeign, ErrDamaged or ErrBusy, or what the file system said.
func Peek(path string) (Info, error) {
	var info Info
	err := readOnly(path, func(tx *bbolt.Tx) (err error) {
		info, err = readInfo(tx)
		return err
	})
	return info, err
}

// ReadOnly runs fn over the store at path, which nobody may be serving. It returns
// ErrMissing, ErrForeign, ErrDamaged, ErrTooNew or ErrBusy, fn's error, or what the file
// system said.
func ReadOnly(path string, schema Schema, fn func(tx *bbolt.Tx) error) error {
	return readOnly(path, func(tx *bbolt.Tx) error {
		info, err := readInfo(tx)
		if err != nil {
			return err
		}
		if err := admit(info, schema); err != nil {
			return fmt.Errorf("opening %s: %w", path, err)
		}
		return fn(tx)
	})
}

// readOnly runs fn over a file that no process serves.
func readOnly(path string, fn func(tx *bbolt.Tx) error) (err error) {
	switch info, err := os.Stat(path); {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w at %s", ErrMissing, path)
	case err != nil:
		return err
	case info.Size() == 0:
		return fmt.Errorf("%w: %s is empty", ErrForeign, path) // bbolt would fill it
	}
	db, err := openBolt(path, &bbolt.Options{Timeout: lockTimeout, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	defer damaged(path, &err)
	return db.View(func(tx *bbolt.Tx) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		// To touch a page that is not there is not an error but the process's end.
		if info.Size() < tx.Size() {
			return fmt.Errorf("%w: %s has %d bytes of %d, as a copy that was broken off", ErrDamaged, path, info.Size(), tx.Size())
		}
		return fn(tx)
	})
}
