package lease

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the other process.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LEASE_TEST_HOLD"); dir != "" {
		hold(dir)
	}
	os.Exit(m.Run())
}

// hold acquires a lease, says so, and waits to be killed.
func hold(dir string) {
	l, err := Acquire(dir, owner("other"), Options{})
	if err == nil {
		_, err = l.Listen(context.Background())
	}
	fmt.Println(err)
	select {}
}

func owner(binary string) Owner {
	return Owner{Instance: NewInstance(), PID: os.Getpid(), Binary: binary, Since: time.Now().Round(0)}
}

func acquire(t *testing.T, dir string) *Lease {
	t.Helper()
	l, err := Acquire(dir, owner("test"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func TestAcquire(t *testing.T) {
	dir := t.TempDir()
	first := acquire(t, dir)
	o, err := ReadOwner(dir)
	if err != nil || o.Instance != first.owner.Instance || o.PID != os.Getpid() || o.Binary != "test" || !o.Since.Equal(first.owner.Since) {
		t.Errorf("owner.json says %+v, %v; want %+v", o, err, first.owner)
	}

	_, err = Acquire(dir, owner("second"), Options{})
	held, ok := errors.AsType[*HeldError](err)
	if !ok || !errors.Is(err, ErrHeld) || held.Owner == nil || held.Owner.Instance != o.Instance {
		t.Fatalf("the second gets %v", err)
	}
	for _, part := range []string{"test", strconv.Itoa(os.Getpid()), o.Instance, dir} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %s", err, part)
		}
	}
	if now, _ := ReadOwner(dir); now.Instance != o.Instance {
		t.Errorf("a refused process wrote owner.json: %+v", now)
	}

	// The hint may be gone or nonsense; the lock decides.
	for _, hint := range []string{"", "{"} {
		path := filepath.Join(dir, ownerFile)
		if err := os.WriteFile(path, []byte(hint), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Acquire(dir, owner("second"), Options{}); !errors.Is(err, ErrHeld) {
			t.Errorf("with the hint %q: %v", hint, err)
		}
	}

	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); got != "lock" {
		t.Errorf("after the release the folder has %s", got)
	}
	second := acquire(t, dir)
	if err := second.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestAcquireFails(t *testing.T) {
	if _, err := Acquire(filepath.Join(t.TempDir(), "none"), owner("test"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ownerFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(dir, owner("test"), Options{}); err == nil {
		t.Error("owner.json cannot be written, and nothing is said")
	}
	if got := names(t, dir); got != "lock owner.json" {
		t.Errorf("the folder has %s", got)
	}
	if err := os.Remove(filepath.Join(dir, ownerFile)); err != nil {
		t.Fatal(err)
	}
	l := acquire(t, dir) // the failed one left the lock free
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}

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

func TestListen(t *testing.T) {
	dir := t.TempDir()
	l := acquire(t, dir)
	ln, err := l.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	socket := SocketPath(dir, l.owner.Instance)
	fi, err := os.Stat(socket)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", fi, err)
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); got != "lock" {
		t.Errorf("after the release the folder has %s", got)
	}
}

func TestListenPathTooLong(t *testing.T) {
	const name = 1 + 16 + len(socketSuffix) // "/", the instance and the suffix
	base := t.TempDir()
	deepest := filepath.Join(base, strings.Repeat("d", maxSocketPath-name-len(base)-1))
	for dir, fits := range map[string]bool{deepest: true, deepest + "d": false} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		l := acquire(t, dir)
		ln, err := l.Listen(t.Context())
		if fits {
			if err != nil {
				t.Fatalf("%d bytes do not fit: %v", len(dir)+name, err)
			}
			if err := ln.Close(); err != nil {
				t.Fatal(err)
			}
		} else if !errors.Is(err, ErrPathTooLong) || !strings.Contains(err.Error(), "--data") {
			t.Errorf("%d bytes: %v", len(dir)+name, err)
		}
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
		if got := names(t, dir); got != "lock" {
			t.Errorf("the folder has %s", got)
		}
	}
}

// A killed process frees its lock and leaves its files, and the next holder tidies up.
func TestKilledHolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd [name]*")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LEASE_TEST_HOLD="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "<nil>\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	_, err = Acquire(dir, owner("test"), Options{})
	if held, ok := errors.AsType[*HeldError](err); !ok || held.Owner == nil || held.Owner.PID != cmd.Process.Pid {
		t.Errorf("while it lives: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	left := map[string]time.Duration{
		"0123456789abcdef" + bindSuffix:   2 * sweepAfter, // bound long ago
		"fedcba9876543210" + bindSuffix:   0,              // may be about to listen
		"0123456789abcdef" + hintSuffix:   0,
		"0123456789abcdef" + BackupSuffix: 0,
		"store.db":                        2 * sweepAfter,
	}
	for name, age := range left {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	// A socket on which somebody listens stays.
	alive, err := net.Listen("unix", filepath.Join(dir, "aaaaaaaaaaaaaaaa"+socketSuffix))
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	l := acquire(t, dir)
	if got, want := names(t, dir), "aaaaaaaaaaaaaaaa.sock fedcba9876543210.bind lock owner.json store.db"; got != want {
		t.Errorf("after the sweep the folder has\n%s, want\n%s", got, want)
	}
	ln, err := l.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := Sockets(dir); len(got) != 2 || got[0] != SocketPath(dir, l.owner.Instance) {
		t.Errorf("sockets are %v, want the owner's first of two", got)
	}
	if err := errors.Join(ln.Close(), l.Release()); err != nil {
		t.Fatal(err)
	}
}

func TestNewInstance(t *testing.T) {
	a, b := NewInstance(), NewInstance()
	if len(a) != 16 || a == b {
		t.Errorf("instances %q and %q", a, b)
	}
}
