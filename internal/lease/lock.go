package lease

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitboard/splitboard/internal/disk"
	"github.com/splitboard/splitboard/internal/failpoint"
)

const lockFile = "lock"

// Errors of taking the lock.
var (
	// ErrHeld says that another process has the lock. It comes as a [*HeldError].
	ErrHeld = errors.New("held by another process")
	// ErrNetworkFS says that the folder is on a network file system, whose locks can
	// be lost without notice.
	ErrNetworkFS = errors.New("the data folder is on a network file system, whose locks can be lost")
)

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

// A Lock is the right to open the store in a folder.
type Lock struct {
	dir  string
	file *os.File
}

// Acquire takes the lock of dir, which must exist, without waiting, for a command that
// works on the store itself; it says so in owner.json and removes what dead processes
// left behind. It returns ErrHeld, ErrNetworkFS or what the file system said.
func Acquire(dir string, owner Owner, allowNetworkFS bool) (*Lock, error) {
	lock, err := tryLock(dir, allowNetworkFS)
	if err != nil {
		return nil, err
	}
	if err := owner.publish(lock.dir); err != nil {
		return nil, errors.Join(fmt.Errorf("writing %s: %w", filepath.Join(lock.dir, ownerFile), err), lock.unlock())
	}
	sweepFiles(lock.dir)
	sweepSockets(lock.dir)
	return lock, nil
}

// Release gives the lock up. The store must be closed.
func (l *Lock) Release() error {
	// The hint goes while it is surely ours.
	return errors.Join(disk.Remove(filepath.Join(l.dir, ownerFile)), l.unlock())
}

// unlock gives the lock up and leaves the hint to the next holder.
func (l *Lock) unlock() error { return l.file.Close() }

// tryLock takes the lock without waiting.
func tryLock(dir string, allowNetworkFS bool) (*Lock, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if fs := networkFS(dir); fs != "" && !allowNetworkFS {
		return nil, fmt.Errorf("%w (%s): %s", ErrNetworkFS, fs, dir)
	}
	file, err := lockPath(filepath.Join(dir, lockFile), flock)
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
	return &Lock{dir: dir, file: file}, nil
}

// waitLock takes the lock when it is free. Nothing ends the wait: closing the file does
// not wake it.
func waitLock(dir string) (*Lock, error) {
	file, err := lockPath(filepath.Join(dir, lockFile), func(f *os.File) error { return flockHow(f, unix.LOCK_EX) })
	if err != nil {
		return nil, fmt.Errorf("waiting for the lock of %s: %w", dir, err)
	}
	return &Lock{dir: dir, file: file}, nil
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
			if same, err = isStill(f, path); same || failpoint.Off(failpoint.Inode) {
				return f, nil
			}
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the lock file keeps being replaced")
}

func flock(f *os.File) error { return flockHow(f, unix.LOCK_EX|unix.LOCK_NB) }

func flockHow(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
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
