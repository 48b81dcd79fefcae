package lease

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/splitboard/splitboard/internal/disk"
)

const (
	ownerFile = "owner.json"
	// hintSuffix ends the name of owner.json until it is whole.
	hintSuffix = ".json.tmp"
)

// An Owner says who holds a store's lock.
type Owner struct {
	Instance string    `json:"instance"`
	PID      int       `json:"pid"`
	Binary   string    `json:"binary"`
	Since    time.Time `json:"since"`
	// Epoch is the store's, or 0 if the holder does not serve it.
	Epoch uint64 `json:"epoch,omitempty"`
}

// NewInstance gives a process its random id.
func NewInstance() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// publish writes owner.json by rename, so that no reader sees half of it.
func (o Owner) publish(dir string) error {
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, o.Instance+hintSuffix)
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return errors.Join(err, disk.Remove(tmp))
	}
	if err := os.Rename(tmp, filepath.Join(dir, ownerFile)); err != nil {
		return errors.Join(err, disk.Remove(tmp))
	}
	return nil
}

// maxHint is more than owner.json ever has.
const maxHint = 4 << 10

// ReadOwner gives the hint in dir about who holds its lock. It may be outdated. Nothing
// that stands in the file's place makes it wait.
func ReadOwner(dir string) (o Owner, err error) {
	f, err := os.OpenFile(filepath.Join(dir, ownerFile), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	fi, err := f.Stat()
	if err != nil {
		return o, err
	}
	if !fi.Mode().IsRegular() || fi.Size() > maxHint {
		return o, fmt.Errorf("%s is no hint about an owner", f.Name())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxHint))
	if err != nil {
		return o, err
	}
	return o, json.Unmarshal(b, &o)
}
