package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
)

// Every change of this test moves one unit between two of the rows and counts itself, so
// that a copy of any one moment adds up, and one of two moments does not.
func TestBackupIsOneMomentOfABusyStore(t *testing.T) {
	const accounts, total = 500, 500 * 100
	s := openNew(t, Options{})
	mustChange(t, s, func(tx *Tx) error {
		for i := range accounts {
			if err := tx.Put(rowsBucket, be(uint64(i)), append(be(100), make([]byte, 500)...)); err != nil {
				return err
			}
		}
		return nil
	})
	move := func(i int) func(*Tx) error {
		return func(tx *Tx) error {
			from, to := be(uint64(i*7%accounts)), be(uint64(i*31%accounts+1)%accounts)
			for _, m := range []struct {
				key []byte
				by  uint64
			}{{from, ^uint64(0)}, {to, 1}} {
				old := tx.Get(rowsBucket, m.key)
				if err := tx.Put(rowsBucket, m.key, append(be(number(old[:8])+m.by), old[8:]...)); err != nil {
					return err
				}
			}
			return addItem(tx)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := w; ctx.Err() == nil; i += 4 {
				if err := do(context.WithoutCancel(ctx), s, move(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 5 {
		path := filepath.Join(t.TempDir(), "backup.db")
		least := s.Sequence()
		if err := s.BackupTo(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		// A commit can be seen a moment before Sequence counts it, but not after a later
		// change has been answered.
		if err := do(t.Context(), s, move(i)); err != nil {
			t.Fatal(err)
		}
		most := s.Sequence()
		wantSound(t, path, testSchema)
		backup := openAt(t, path, testSchema, Options{})
		if got := backup.Sequence(); got < least || got > most {
			t.Errorf("backup %d is of change %d, want %d to %d", i, got, least, most)
		}
		var sum, items uint64
		if err := backup.View(func(tx *bbolt.Tx) error {
			items = tx.Bucket(itemsBucket).Sequence()
			return tx.Bucket(rowsBucket).ForEach(func(_, v []byte) error {
				sum += number(v[:8])
				return nil
			})
		}); err != nil {
			t.Fatal(err)
		}
		if sum != total || items+1 != backup.Sequence() {
			t.Errorf("backup %d holds %d units, want %d, and %d items after %d changes", i, sum, total, items, backup.Sequence())
		}
		mustChange(t, backup, put("the copy", "can be served"))
		wantNoRow(t, s, "the copy")
		// Wait for a new moment.
		eventually(t, func() bool { return s.Sequence() > most })
	}
	stop()
	writers.Wait()
}

func TestBackupHasTheStoresIdentity(t *testing.T) {
	s := openNew(t, Options{})
	mustChange(t, s, steps(put("k", "v"), addItem))
	path := newPath(t)
	if err := s.BackupTo(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	stat, err := os.Stat(path)
	if err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("the backup's file is %v, %v", stat, err)
	}
	want, err := s.Info()
	if err != nil || want.SizeBytes != stat.Size() {
		t.Errorf("the backup has %d bytes; the store had said %d, %v", stat.Size(), want.SizeBytes, err)
	}
	got, err := Peek(path)
	if err != nil || got.UUID != want.UUID || got.Epoch != want.Epoch || got.Checksum != want.Checksum {
		t.Errorf("the backup says %+v, %v; want %+v", got, err, want)
	}
	copied := openAt(t, path, testSchema, Options{})
	wantDump(t, dump(t, copied), dump(t, s))
	if string(copied.PageSecret()) != string(s.PageSecret()) {
		t.Error("page tokens of the store are not good for its backup")
	}
}

func TestBackupLeavesNothingWhenItFails(t *testing.T) {
	s := openNew(t, Options{})
	mustChange(t, s, manyRows)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := newPath(t)
	if err := s.BackupTo(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("BackupTo = %v, want the context's error", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of a cancelled backup: %v", err)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, taken := range []string{path, s.path} {
		if err := s.BackupTo(t.Context(), taken); !errors.Is(err, os.ErrExist) {
			t.Errorf("BackupTo over a file = %v, want os.ErrExist", err)
		}
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "precious" {
		t.Errorf("the file that was there is %q, %v", content, err)
	}
	if err := s.BackupTo(t.Context(), filepath.Join(path, "below-a-file")); err == nil {
		t.Error("a backup below a file succeeded")
	}
}

// stopAfter is a context that ends once it has been asked so many times.
type stopAfter struct {
	context.Context // it is one
	asked, most     int
}

func (c *stopAfter) Err() error {
	if c.asked++; c.asked > c.most {
		return context.DeadlineExceeded
	}
	return nil
}

func TestBackupStopsInTheMiddle(t *testing.T) {
	s := openNew(t, Options{})
	mustChange(t, s, func(tx *Tx) error {
		for i := range 100 {
			if err := put(strconv.Itoa(i), string(make([]byte, 10_000)))(tx); err != nil {
				return err
			}
		}
		return nil
	})
	for most := range 5 { // both meta pages, then the data
		path := newPath(t)
		if err := s.BackupTo(&stopAfter{Context: t.Context(), most: most}, path); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("BackupTo = %v, want the context's error", err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file of a backup that was stopped: %v", err)
		}
	}
}

func TestClosingTheGateBreaksBackupsOff(t *testing.T) {
	s := openNew(t, Options{})
	mustChange(t, s, func(tx *Tx) error {
		for i := range 100 {
			if err := put(strconv.Itoa(i), string(make([]byte, 10_000)))(tx); err != nil {
				return err
			}
		}
		return nil
	})
	ctx := &pausedContext{Context: t.Context(), asked: make(chan struct{}), release: make(chan struct{})}
	path, backup := newPath(t), make(chan error)
	go func() { backup <- s.BackupTo(ctx, path) }()
	<-ctx.asked // it writes
	closed := make(chan error)
	go func() { closed <- s.CloseGate(t.Context()) }()
	eventually(t, func() bool { return s.gate.closing().Err() != nil })
	close(ctx.release)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := <-backup; !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), "broken off") {
		t.Errorf("BackupTo = %v, want an ErrClosed that says what happened", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of the broken backup: %v", err)
	}
	s.OpenGate()
	if err := s.BackupTo(t.Context(), path); err != nil {
		t.Error(err)
	}
	wantSound(t, path, testSchema)
}

// pausedContext waits the first time that it is asked whether it has ended.
type pausedContext struct {
	context.Context // it is one
	once            sync.Once
	asked, release  chan struct{}
}

func (c *pausedContext) Err() error {
	c.once.Do(func() {
		close(c.asked)
		<-c.release
	})
	return c.Context.Err()
}
