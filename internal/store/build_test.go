package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// build makes a store of n items, half of them by index too.
func build(ctx context.Context, path string, n int) error {
	return Build(ctx, path, testSchema, Options{}, nil, func(b *Builder) error {
		for i := range n {
			if err := b.Change(func(tx *Tx) error {
				if i%2 == 0 {
					return addItem(tx)
				}
				return steps(addItem, put(strconv.Itoa(i*7919%n), "item"))(tx)
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestBuildIsAsIfByMutate(t *testing.T) {
	path := newPath(t)
	if err := Build(t.Context(), path, testSchema, Options{}, []byte("digest"), func(b *Builder) error {
		for i := range 30 {
			if err := b.Change(steps(addItem, put(fmt.Sprint("k", i%7), strconv.Itoa(i)))); err != nil {
				return err
			}
		}
		return b.Change(deleteRow("k3"))
	}); err != nil {
		t.Fatal(err)
	}
	built := openAt(t, path, testSchema, Options{})
	want := openNew(t, Options{})
	for i := range 30 {
		mustChange(t, want, steps(addItem, put(fmt.Sprint("k", i%7), strconv.Itoa(i))))
	}
	mustChange(t, want, deleteRow("k3"))
	wantDump(t, dump(t, built), dump(t, want))
	info, err := built.Info()
	if err != nil || info.Epoch != 1 || !bytes.Equal(info.ImportDigest, []byte("digest")) {
		t.Errorf("the built store says %+v, %v", info, err)
	}
	if info, err = want.Info(); err != nil || info.ImportDigest != nil {
		t.Errorf("a store that was not filled says %+v, %v", info, err)
	}
}

// A build that takes many transactions, by number and by bytes, is one store.
func TestBuildInManyTransactions(t *testing.T) {
	path := newPath(t)
	const n = 2*buildChanges + 1
	if err := build(t.Context(), path, n); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, path, testSchema, Options{})
	if got := s.Sequence(); got != n {
		t.Errorf("Sequence = %d, want %d", got, n)
	}
	mustChange(t, s, addItem)

	path = newPath(t)
	most := 0
	if err := Build(t.Context(), path, testSchema, Options{}, nil, func(b *Builder) error {
		for i := range 100 {
			if err := b.Change(func(tx *Tx) error {
				return tx.Put(rowsBucket, be(uint64(i)), make([]byte, buildBytes/10))
			}); err != nil {
				return err
			}
			most = max(most, b.tx.bytes)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if most >= buildBytes {
		t.Errorf("a transaction went on with %d bytes", most)
	}
	wantSound(t, path, testSchema)
}

func TestBuildIsWholeOrNothing(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		fill func(*Builder) error
		want error
	}{
		"an error at once": {t.Context(), func(*Builder) error { return errRefused }, errRefused},
		"an error later": {t.Context(), func(b *Builder) error {
			for range buildChanges + 10 {
				if err := b.Change(addItem); err != nil {
					return err
				}
			}
			return errRefused
		}, errRefused},
		"a change that fails": {t.Context(), func(b *Builder) error {
			return b.Change(func(tx *Tx) error { return errors.Join(addItem(tx), errRefused) })
		}, errRefused},
		"a failure that is passed over": {t.Context(), func(b *Builder) error {
			_ = b.Change(func(tx *Tx) error { return errors.Join(addItem(tx), errRefused) })
			if err := b.Change(addItem); !errors.Is(err, errRefused) {
				t.Errorf("a change after the failed one gave %v", err)
			}
			return nil
		}, errRefused},
		"a context that has ended": {ended, func(b *Builder) error { return b.Change(addItem) }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			if err := Build(c.ctx, path, testSchema, Options{}, nil, c.fill); !errors.Is(err, c.want) {
				t.Errorf("Build = %v, want %v", err, c.want)
			}
			if left, err := filepath.Glob(filepath.Dir(path) + "/*"); err != nil || len(left) > 0 {
				t.Errorf("left behind: %q, %v", left, err)
			}
		})
	}
}

func TestBuildStopsWhenItsContextEnds(t *testing.T) {
	path := newPath(t)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := Build(ctx, path, testSchema, Options{}, nil, func(b *Builder) error {
		for ; ; n++ {
			if n == buildChanges+100 {
				cancel()
			}
			if err := b.Change(addItem); err != nil {
				return err
			}
		}
	})
	if !errors.Is(err, context.Canceled) || n != buildChanges+100 {
		t.Errorf("Build = %v after %d changes", err, n)
	}
	if left, err := filepath.Glob(path + "*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestBuildTakesNoExistingStore(t *testing.T) {
	path := newPath(t)
	s := openAt(t, path, testSchema, Options{})
	mustChange(t, s, put("k", "v"))
	closeStore(t, s)
	if err := build(t.Context(), path, 3); !errors.Is(err, ErrExists) {
		t.Errorf("Build = %v, want ErrExists", err)
	}
	s = openAt(t, path, testSchema, Options{})
	wantRow(t, s, "k", "v")
}

// A process that died while it built leaves a file aside. It is no store, and in
// nobody's way.
func TestBuildAfterADeadOne(t *testing.T) {
	path := newPath(t)
	for name, make := range map[string]func() error{
		"garbage":    func() error { return os.WriteFile(path+".new", []byte("garbage"), 0o600) },
		"half of it": func() error { return build(t.Context(), path+".new", 10) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := make(); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(path, testSchema, Options{NeverCreate: true}); !errors.Is(err, ErrMissing) {
				t.Errorf("Open = %v, want ErrMissing", err)
			}
			if err := build(t.Context(), path, 3); err != nil {
				t.Fatal(err)
			}
			info, err := Peek(path)
			if err != nil || info.Sequence != 3 {
				t.Errorf("Peek = %+v, %v", info, err)
			}
			wantSound(t, path, testSchema)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if left, err := filepath.Glob(path + "*"); err != nil || len(left) > 0 {
				t.Errorf("left behind: %q, %v", left, err)
			}
		})
	}
}
