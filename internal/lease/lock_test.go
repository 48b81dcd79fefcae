package lease

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A lock on a file that has lost its name is no lock.
func TestReplacedLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), lockFile)
	replace := map[string]func() error{
		"removed":  func() error { return os.Remove(path) },
		"replaced": func() error { return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, nil, 0o600)) },
	}
	for name, replace := range replace {
		var tries []os.FileInfo
		f, err := lockPath(path, func(f *os.File) error {
			fi, err := f.Stat()
			tries = append(tries, fi)
			if len(tries) == 1 {
				err = errors.Join(err, replace())
			}
			return errors.Join(err, flock(f))
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		now, err := os.Stat(path)
		if err != nil || len(tries) != 2 || !os.SameFile(tries[1], now) {
			t.Errorf("%s: %d tries, and the lock is on the file of that name: %v", name, len(tries), err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if f, err := lockPath(path, func(f *os.File) error { return errors.Join(os.Remove(path), flock(f)) }); err == nil {
		t.Errorf("a file that is replaced each time is locked: %v", f.Close())
	}
}

// locked takes the lock of dir.
func locked(t *testing.T, dir string) *Lock {
	t.Helper()
	lock, err := tryLock(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

// free tells whether the lock of dir is free.
func free(t *testing.T, dir string) bool {
	t.Helper()
	lock, err := tryLock(dir, false)
	if errors.Is(err, ErrHeld) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.unlock(); err != nil {
		t.Fatal(err)
	}
	return true
}

// blocked counts those that the kernel lets wait for the lock of dir.
func blocked(t *testing.T, dir string) (count int) {
	t.Helper()
	fi, err := os.Stat(filepath.Join(dir, lockFile))
	if err != nil {
		t.Fatal(err)
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Skipf("SKIPPED: who waits for a lock is not told here: %v", err)
	}
	inode := fmt.Sprintf(":%d ", fi.Sys().(*syscall.Stat_t).Ino)
	for line := range strings.Lines(string(locks)) {
		if strings.Contains(line, "-> FLOCK") && strings.Contains(line, inode) {
			count++
		}
	}
	return count
}

// until waits for something that is about to come.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(3 * time.Second); !is(); <-tick.C {
		if time.Now().After(late) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestWaiterIsGranted(t *testing.T) {
	dir := t.TempDir()
	first := locked(t, dir)
	var w waiter
	granted := w.wait(dir)
	until(t, "it waits", func() bool { return blocked(t, dir) == 1 })
	select {
	case g := <-granted:
		t.Fatalf("granted while it is held: %+v", g)
	default:
	}
	if err := first.unlock(); err != nil {
		t.Fatal(err)
	}
	g := <-granted
	if g.err != nil || free(t, dir) {
		t.Fatalf("%+v, and the lock is free", g)
	}
	if err := g.lock.unlock(); err != nil {
		t.Fatal(err)
	}
	if !free(t, dir) {
		t.Error("the lock is not free")
	}
}

// Nothing ends the wait for a lock. One that is not wanted any more is let go, whether it
// comes later or has just come.
func TestWaiterDeclines(t *testing.T) {
	dir := t.TempDir()
	first := locked(t, dir)
	var w waiter
	w.wait(dir)
	until(t, "it waits", func() bool { return blocked(t, dir) == 1 })
	w.decline()
	if got := blocked(t, dir); got != 1 {
		t.Errorf("%d wait after it was declined", got)
	}
	if err := first.unlock(); err != nil {
		t.Fatal(err)
	}
	until(t, "the lock that came late is free again", func() bool { return free(t, dir) && blocked(t, dir) == 0 })

	granted := w.wait(dir)
	until(t, "it is granted at once", func() bool { return len(granted) == 1 })
	if free(t, dir) {
		t.Error("a lock that was granted is free")
	}
	w.decline()
	if !free(t, dir) {
		t.Error("a lock that was declined after it came is not free")
	}
}

// A process never waits twice, however often it is asked: the kernel would hand it the
// lock as often.
func TestWaiterWaitsOnce(t *testing.T) {
	dir := t.TempDir()
	first := locked(t, dir)
	var w waiter
	old := w.wait(dir)
	until(t, "it waits", func() bool { return blocked(t, dir) == 1 })
	w.decline()
	granted := w.wait(dir)
	again := w.wait(dir)
	if got := blocked(t, dir); got != 1 {
		t.Errorf("%d wait", got)
	}
	if err := first.unlock(); err != nil {
		t.Fatal(err)
	}
	g := <-again // who asked last
	if g.err != nil || len(old) != 0 || len(granted) != 0 {
		t.Errorf("granted %+v, and %d and %d to those before", g, len(old), len(granted))
	}
	if err := g.lock.unlock(); err != nil {
		t.Fatal(err)
	}
	if !free(t, dir) {
		t.Error("the lock was granted twice")
	}
}

// A waiter's lock is on the file that has the name by then.
func TestWaiterAndReplacedLockFile(t *testing.T) {
	dir := t.TempDir()
	first := locked(t, dir)
	var w waiter
	granted := w.wait(dir)
	until(t, "it waits", func() bool { return blocked(t, dir) == 1 })
	if err := os.Remove(filepath.Join(dir, lockFile)); err != nil {
		t.Fatal(err)
	}
	second := locked(t, dir) // on a new file
	if err := first.unlock(); err != nil {
		t.Fatal(err)
	}
	until(t, "it waits for the new file", func() bool { return blocked(t, dir) == 1 })
	if len(granted) != 0 {
		t.Error("the lock on a file without a name was granted")
	}
	if err := second.unlock(); err != nil {
		t.Fatal(err)
	}
	if g := <-granted; g.err != nil || g.lock.unlock() != nil {
		t.Errorf("%+v", g)
	}
}

func TestWaiterFails(t *testing.T) {
	var w waiter
	if g := <-w.wait(filepath.Join(t.TempDir(), "none")); !errors.Is(g.err, os.ErrNotExist) {
		t.Errorf("a missing folder: %+v", g)
	}
}
