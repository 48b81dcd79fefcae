package lease_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/splitboard/splitboard/internal/lease"
)

func owner(binary string) lease.Owner {
	return lease.Owner{Instance: lease.NewInstance(), PID: os.Getpid(), Binary: binary, Since: time.Now().UTC().Round(0)}
}

// acquire takes the lock for a command.
func acquire(t *testing.T, dir string, o lease.Owner) *lease.Lock {
	t.Helper()
	lock, err := lease.Acquire(dir, o, false)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

// listing gives what is in a folder.
func listing(t *testing.T, dir string) string {
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
	self := owner("test")
	first := acquire(t, dir, self)
	o, err := lease.ReadOwner(dir)
	if err != nil || o != self {
		t.Errorf("owner.json says %+v, %v; want %+v", o, err, self)
	}

	_, err = lease.Acquire(dir, owner("second"), false)
	held, ok := errors.AsType[*lease.HeldError](err)
	if !ok || !errors.Is(err, lease.ErrHeld) || held.Owner == nil || held.Owner.Instance != o.Instance {
		t.Fatalf("the second gets %v", err)
	}
	for _, part := range []string{"test", strconv.Itoa(os.Getpid()), o.Instance, dir} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %s", err, part)
		}
	}
	if now, _ := lease.ReadOwner(dir); now.Instance != o.Instance {
		t.Errorf("a refused process wrote owner.json: %+v", now)
	}

	// The hint may be gone or nonsense; the lock decides.
	for _, hint := range []string{"", "{"} {
		path := filepath.Join(dir, lease.OwnerFile)
		if err := os.WriteFile(path, []byte(hint), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := lease.Acquire(dir, owner("second"), false); !errors.Is(err, lease.ErrHeld) {
			t.Errorf("with the hint %q: %v", hint, err)
		}
	}

	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if got := listing(t, dir); got != lease.LockFile {
		t.Errorf("after the release the folder has %s", got)
	}
	if err := acquire(t, dir, self).Release(); err != nil {
		t.Fatal(err)
	}
}

func TestAcquireFails(t *testing.T) {
	if _, err := lease.Acquire(filepath.Join(t.TempDir(), "none"), owner("test"), false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, lease.OwnerFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := lease.Acquire(dir, owner("test"), false); err == nil {
		t.Error("owner.json cannot be written, and nothing is said")
	}
	if got := listing(t, dir); got != "lock owner.json" {
		t.Errorf("the folder has %s", got)
	}
	if err := os.Remove(filepath.Join(dir, lease.OwnerFile)); err != nil {
		t.Fatal(err)
	}
	if err := acquire(t, dir, owner("test")).Release(); err != nil { // the failed one left the lock free
		t.Fatal(err)
	}
}

func TestListen(t *testing.T) {
	dir, instance := t.TempDir(), lease.NewInstance()
	ln, err := lease.Listen(t.Context(), dir, instance)
	if err != nil {
		t.Fatal(err)
	}
	socket := lease.SocketPath(dir, instance)
	fi, err := os.Stat(socket)
	if err != nil || fi.Mode().Perm() != 0o600 || lease.InstanceOf(socket) != instance {
		t.Errorf("the socket: %v, %v", fi, err)
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(conn.Close(), ln.Close()); err != nil {
		t.Fatal(err)
	}
	// A name that leads nowhere stays until it is removed, which may be done twice.
	if _, err := net.Dial("unix", socket); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a closed socket: %v", err)
	}
	for range 2 {
		if err := lease.RemoveSocket(dir, instance); err != nil {
			t.Fatal(err)
		}
	}
	if got := listing(t, dir); got != "" {
		t.Errorf("the folder has %s", got)
	}
}

func TestListenPathTooLong(t *testing.T) {
	const longest = 107
	name := len("/0123456789abcdef.sock")
	base := t.TempDir()
	deepest := filepath.Join(base, strings.Repeat("d", longest-name-len(base)-1))
	for dir, fits := range map[string]bool{deepest: true, deepest + "d": false} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		ln, err := lease.Listen(t.Context(), dir, lease.NewInstance())
		if fits {
			if err != nil {
				t.Fatalf("%d bytes do not fit: %v", len(dir)+name, err)
			}
			if err := ln.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if !errors.Is(err, lease.ErrPathTooLong) || !strings.Contains(err.Error(), "--data") {
			t.Errorf("%d bytes: %v", len(dir)+name, err)
		}
		if got := listing(t, dir); got != "" {
			t.Errorf("the folder has %s", got)
		}
	}
}

// A killed process frees its lock and leaves its files, and the next holder tidies up.
func TestKilledHolder(t *testing.T) {
	dir := filepath.Join(folder(t), "odd [name]*")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	other := spawn(t, holdVariable+"="+dir)
	_, err := lease.Acquire(dir, owner("test"), false)
	if held, ok := errors.AsType[*lease.HeldError](err); !ok || held.Owner == nil || held.Owner.PID != other.cmd.Process.Pid {
		t.Errorf("while it lives: %v", err)
	}
	other.kill(t)
	left := map[string]time.Duration{
		"0123456789abcdef.bind":                 2 * time.Minute, // bound long ago
		"fedcba9876543210.bind":                 0,               // may be about to listen
		"0123456789abcdef.json.tmp":             0,
		"0123456789abcdef" + lease.BackupSuffix: 0,
		storeFile:                               2 * time.Minute,
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
	alive, err := net.Listen("unix", lease.SocketPath(dir, "aaaaaaaaaaaaaaaa"))
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	self := owner("test")
	lock := acquire(t, dir, self)
	if got, want := listing(t, dir), "aaaaaaaaaaaaaaaa.sock fedcba9876543210.bind lock owner.json store.db"; got != want {
		t.Errorf("after the sweep the folder has\n%s, want\n%s", got, want)
	}
	ln, err := lease.Listen(t.Context(), dir, self.Instance)
	if err != nil {
		t.Fatal(err)
	}
	if got := lease.Sockets(dir); len(got) != 2 || got[0] != lease.SocketPath(dir, self.Instance) {
		t.Errorf("sockets are %v, want the owner's first of two", got)
	}
	if err := errors.Join(ln.Close(), lock.Release()); err != nil {
		t.Fatal(err)
	}
}

func TestNewInstance(t *testing.T) {
	a, b := lease.NewInstance(), lease.NewInstance()
	if len(a) != 16 || a == b {
		t.Errorf("instances %q and %q", a, b)
	}
}
