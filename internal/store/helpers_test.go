package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/emptypb"
)

var (
	itemsBucket = []byte("items") // keys only grow
	rowsBucket  = []byte("rows")
)

var testSchema = Schema{
	Service: "test",
	Version: 1,
	Buckets: []Bucket{
		{Name: itemsBucket, Since: 1, Appended: true},
		{Name: rowsBucket, Since: 1},
	},
}

var errRefused = errors.New("refused")

// A clock stands still until it is moved.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.ns.Store(time.Date(2026, 3, 4, 5, 6, 7, 890123456, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()) }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// newPath gives the path of a store that does not exist yet.
func newPath(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "store.db")
}

// openNew opens a new store as openAt does.
func openNew(tb testing.TB, opts Options) *Store {
	tb.Helper()
	return openAt(tb, newPath(tb), testSchema, opts)
}

// openAt opens a store and, when the test ends, closes it and checks the file.
func openAt(tb testing.TB, path string, schema Schema, opts Options) *Store {
	tb.Helper()
	s := newAt(tb, path, schema, opts)
	reopen(tb, s)
	return s
}

// newAt gives a closed store and, when the test ends, closes it and checks the file. A
// call of Fatal fails the test unless it brings its own. The watchdog sleeps: tests hold
// changes up as long as they like.
func newAt(tb testing.TB, path string, schema Schema, opts Options) *Store {
	tb.Helper()
	if opts.Fatal == nil {
		opts.Fatal = func(err error) { tb.Errorf("Fatal was called: %v", err) }
	}
	s := New(path, schema, opts)
	s.ticker = func(time.Duration) (<-chan time.Time, func()) { return nil, func() {} }
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("closing: %v", err)
		}
		wantSound(tb, path, schema)
	})
	return s
}

// wantSound fails the test if the closed store at path breaks an invariant.
func wantSound(tb testing.TB, path string, schema Schema) {
	tb.Helper()
	problems, err := Check(path, schema)
	if err != nil {
		tb.Errorf("checking %s: %v", path, err)
	}
	for _, p := range problems {
		tb.Errorf("%s: %s", path, p)
	}
}

// closeStore closes a store before the test's end.
func closeStore(tb testing.TB, s *Store) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
}

// reopen opens a closed store and its gate.
func reopen(tb testing.TB, s *Store) {
	tb.Helper()
	if err := s.Open(); err != nil {
		tb.Fatal(err)
	}
	s.OpenGate()
}

// shut closes a store's gate, behind all that was inside.
func shut(tb testing.TB, s *Store) {
	tb.Helper()
	if err := s.CloseGate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// positionOf gives where the open store stands.
func positionOf(tb testing.TB, s *Store) Position {
	tb.Helper()
	p, err := s.Position()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// do runs fn as a change without a key and without an answer.
func do(ctx context.Context, s *Store, fn func(*Tx) error) error {
	_, err := Mutate(ctx, s, "/test/Change", &emptypb.Empty{}, func(tx *Tx) (*emptypb.Empty, error) {
		return &emptypb.Empty{}, fn(tx)
	})
	return err
}

// mustChange runs fn as a change that has to succeed.
func mustChange(tb testing.TB, s *Store, fn func(*Tx) error) {
	tb.Helper()
	if err := do(tb.Context(), s, fn); err != nil {
		tb.Fatal(err)
	}
}

// put is a change of one row.
func put(key, value string) func(*Tx) error {
	return func(tx *Tx) error { return tx.Put(rowsBucket, []byte(key), []byte(value)) }
}

// get reads one row.
func get(tb testing.TB, s *Store, key string) (value string, found bool) {
	tb.Helper()
	if err := s.View(func(tx *bbolt.Tx) error {
		v := tx.Bucket(rowsBucket).Get([]byte(key))
		value, found = string(v), v != nil
		return nil
	}); err != nil {
		tb.Fatal(err)
	}
	return value, found
}

// wantRow fails the test unless the row is there with this value.
func wantRow(tb testing.TB, s *Store, key, value string) {
	tb.Helper()
	if got, found := get(tb, s, key); !found || got != value {
		tb.Errorf("row %q is %q (found: %t), want %q", key, got, found, value)
	}
}

// wantNoRow fails the test if the row is there.
func wantNoRow(tb testing.TB, s *Store, key string) {
	tb.Helper()
	if got, found := get(tb, s, key); found {
		tb.Errorf("row %q is %q, want none", key, got)
	}
}

// dump gives all that a store holds, but for what differs between any two stores.
func dump(tb testing.TB, s *Store) map[string]string {
	tb.Helper()
	all := make(map[string]string)
	if err := s.View(func(tx *bbolt.Tx) error {
		info, err := readInfo(tx)
		if err != nil {
			return err
		}
		all["sequence"] = strconv.FormatUint(info.Sequence, 10)
		all["checksum"] = fmt.Sprintf("%016x", info.Checksum)
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			if string(name) == string(metaBucket) {
				return nil
			}
			all[string(name)+" next"] = strconv.FormatUint(b.Sequence(), 10)
			return b.ForEach(func(k, v []byte) error {
				all[fmt.Sprintf("%s %q", name, k)] = fmt.Sprintf("%q", v)
				return nil
			})
		})
	}); err != nil {
		tb.Fatal(err)
	}
	return all
}

// wantDump fails the test at each entry that differs.
func wantDump(tb testing.TB, got, want map[string]string) {
	tb.Helper()
	for k := range maps.Keys(got) {
		if _, ok := want[k]; !ok {
			tb.Errorf("%s is %s, want none", k, got[k])
		}
	}
	for k, w := range want {
		if g, ok := got[k]; !ok || g != w {
			tb.Errorf("%s is %s (there: %t), want %s", k, g, ok, w)
		}
	}
}

// A held store runs nothing until it is let go: what is started meanwhile is queued, in
// order, and then shares batches.
type held struct {
	tb      testing.TB
	s       *Store
	release func()
	started sync.WaitGroup
}

func hold(tb testing.TB, s *Store) *held {
	tb.Helper()
	entered, release := make(chan struct{}), make(chan struct{})
	h := &held{tb: tb, s: s, release: sync.OnceFunc(func() { close(release) })}
	tb.Cleanup(h.release) // or closing the store would wait for ever
	h.started.Go(func() {
		if err := do(tb.Context(), s, func(*Tx) error {
			close(entered)
			<-release
			return nil
		}); err != nil {
			tb.Errorf("the change that holds the others up: %v", err)
		}
	})
	<-entered
	return h
}

// start runs fn, which must call Mutate once, up to where its change is queued.
func (h *held) start(fn func()) {
	h.tb.Helper()
	n := len(h.s.file.queue)
	h.started.Go(fn)
	eventually(h.tb, func() bool { return len(h.s.file.queue) > n })
}

// letGo waits until everything that was started has ended.
func (h *held) letGo() {
	h.release()
	h.started.Wait()
}

// eventually asks again until the condition holds, for at most ten seconds.
func eventually(tb testing.TB, condition func() bool) {
	tb.Helper()
	for end := time.Now().Add(10 * time.Second); !condition(); runtime.Gosched() {
		if time.Now().After(end) {
			tb.Fatal("waited ten seconds in vain")
		}
	}
}

// countCommits counts the commits of a store that has not been written to yet, and how
// many changes each had.
func countCommits(s *Store) (sizes func() []int) {
	var mu sync.Mutex
	var all []int
	last := s.Sequence()
	s.commit = func(tx *bbolt.Tx) error {
		mu.Lock()
		defer mu.Unlock()
		now := number(tx.Bucket(metaBucket).Get(metaSequence))
		all = append(all, int(now-last))
		last = now
		return tx.Commit()
	}
	return func() []int {
		mu.Lock()
		defer mu.Unlock()
		return append([]int(nil), all...)
	}
}
