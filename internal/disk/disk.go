// Package disk has what several packages do with files and the os package has not.
package disk

import (
	"errors"
	"os"
	"path/filepath"
)

// SyncParent makes durable that path was created, renamed or removed. It returns what the
// file system said.
func SyncParent(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Remove removes a file that may be gone already. It returns what the file system said.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
