package lease

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitboard/splitboard/internal/disk"
)

const (
	lockFile  = "lock"
	ownerFile = "owner.json"
	// hintSuffix ends the name of owner.json until it is whole.
	hintSuffix = ".json.tmp"
)

// Errors of acquiring a lease.
var (
	// ErrHeld says that another process has the lease. It comes as a [*HeldError].
	ErrHeld = errors.New("held by another process")
	// ErrNetworkFS says that the folder is on a network file system, whose locks can
	// be lost without notice.
	ErrNetworkFS = errors.New("the data folder is on a network file system, whose locks can be lost")
)

// An Owner says who holds a lease.
type Owner struct {
	Instance string    `json:"instance"`
	PID      int       `json:"pid"`
	Binary   string    `json:"binary"`
	Since    time.Time `json:"since"`
}

// A HeldError is ErrHeld with what is known of the holder.
type HeldError struct {
	Dir   string
	Owner *Owner // nil if unknown
}

func (e *HeldError) Error() string {
	if e.Owner == nil {
		return fmt.Sprintf("%s is %v", e.Dir, ErrHeld)
	}
	return fmt.Sprintf("%s is %v: %s, pid %d, instance %s, since %s", e.Dir, ErrHeld,
		e.Owner.Binary, e.Owner.PID, e.Owner.Instance, e.Owner.Since.UTC().Format(time.RFC3339))
}

// Is makes a HeldError an ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// NewInstance gives a process its random id.
func NewInstance() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// A Lease is the right to open the store in a folder.
type Lease struct {
	dir    string
	owner  Owner
	lock   *os.File
	socket string // "" until Listen
}

// Options say how a lease is acquired.
type Options struct {
	// AllowNetworkFS takes a folder on a network file system.
	AllowNetworkFS bool
}

// Acquire takes the lease on dir, which must exist, without waiting, says so in
// owner.json, and removes what dead processes left behind. It returns ErrHeld,
// ErrNetworkFS or what the file system said.
func Acquire(dir string, owner Owner, opts Options) (*Lease, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if fs := networkFS(dir); fs != "" && !opts.AllowNetworkFS {
		return nil, fmt.Errorf("%w (%s): %s", ErrNetworkFS, fs, dir)
	}
	lock, err := lockPath(filepath.Join(dir, lockFile), flock)
	if errors.Is(err, ErrHeld) {
		held := &HeldError{Dir: dir}
		if o, err := ReadOwner(dir); err == nil {
			held.Owner = &o
		}
		return nil, held
	}
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	l := &Lease{dir: dir, owner: owner, lock: lock}
	if err := l.publish(); err != nil {
		return nil, errors.Join(fmt.Errorf("writing %s: %w", filepath.Join(dir, ownerFile), err), lock.Close())
	}
	sweep(dir)
	return l, nil
}

// lockPath locks the file that path names, not one that it named a moment ago.
func lockPath(path string, flock func(*os.File) error) (*os.File, error) {
	// The file is never replaced by us; a person may do it, and two processes with
	// locks on two files of one name would both serve.
	for range 10 {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		err = flock(f)
		if err == nil {
			var same bool
			if same, err = isStill(f, path); same {
				return f, nil
			}
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the lock file keeps being replaced")
}

func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrHeld
		case err != nil:
			return os.NewSyscallError("flock", err)
		}
		return nil
	}
}

func isStill(f *os.File, path string) (bool, error) {
	have, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(have, named), err
}

// publish writes owner.json by rename, so that no reader sees half of it.
func (l *Lease) publish() error {
	b, err := json.Marshal(l.owner)
	if err != nil {
		return err
	}
	tmp := filepath.Join(l.dir, l.owner.Instance+hintSuffix)
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return errors.Join(err, disk.Remove(tmp))
	}
	if err := os.Rename(tmp, filepath.Join(l.dir, ownerFile)); err != nil {
		return errors.Join(err, disk.Remove(tmp))
	}
	return nil
}

// ReadOwner gives the hint in dir about who holds its lease. It may be outdated.
func ReadOwner(dir string) (Owner, error) {
	var o Owner
	b, err := os.ReadFile(filepath.Join(dir, ownerFile))
	if err != nil {
		return o, err
	}
	err = json.Unmarshal(b, &o)
	return o, err
}

// Release gives the lease up and removes the process's socket. The store must be
// closed.
func (l *Lease) Release() error {
	// The hint goes while it is surely ours.
	err := disk.Remove(filepath.Join(l.dir, ownerFile))
	err = errors.Join(err, l.lock.Close())
	if l.socket != "" {
		err = errors.Join(err, disk.Remove(l.socket))
	}
	return err
}
