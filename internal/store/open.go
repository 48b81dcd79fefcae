package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Options say how a store is opened. The zero value is right for tests.
type Options struct {
	// NeverCreate refuses to start a store where there is none.
	NeverCreate bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Fatal is called when a commit failed in a way that may yet have made it
	// visible. It must end the process, without waiting for the store: no change is
	// answered any more. nil means to log and exit with code 1.
	Fatal func(error)
	// Log takes what the operator should know; nil means slog.Default.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Fatal == nil {
		log := o.Log
		o.Fatal = func(err error) {
			log.Error("the outcome of a commit is unknown; ending the process", "error", err)
			os.Exit(1)
		}
	}
	return o
}

// A Store is an open bbolt file that serves one service. It is safe for concurrent
// use.
type Store struct {
	db     *bbolt.DB
	schema Schema
	opts   Options
	info   Info // as it was at opening
	secret []byte

	// sequence is the last committed change's number, published after its commit.
	sequence atomic.Uint64
	checksum uint64 // the committer's own
	full     bool   // the committer's own: the last commit found no room

	queue   chan *change
	stopped chan struct{} // closed when the committer has ended

	mu      sync.RWMutex // guards closed against Mutate's enqueueing
	closed  bool
	pending sync.WaitGroup // changes that were queued and not yet answered
	once    func() error   // close, once; every caller waits for its end

	// commit ends a transaction. Tests put faults here.
	commit func(*bbolt.Tx) error
}

// lockTimeout bounds the wait for the file's own lock. Whoever opens a store holds
// the service's lock already, so this only ever waits for a process that is closing.
const lockTimeout = time.Second

// mmapSize is the address space mapped for a file. While a file is smaller, growing
// it never has to remap, and remapping is what an open reader makes the writer wait
// for (measured: one reader stops all writes). Address space costs nothing.
const mmapSize = 64 << 30

func boltOptions() *bbolt.Options {
	return &bbolt.Options{
		Timeout:         lockTimeout,
		InitialMmapSize: mmapSize,
		// The array kind degrades when a large file is fragmented. The list is
		// synced: opening 2.5 GB takes 0.4 ms with it and 1 s without.
		FreelistType: bbolt.FreelistMapType,
		// Nobody reads the counters, and they cost an atomic on every read.
		NoStatistics: true,
	}
}

// Open opens the file at path to serve it, creating it if need be, and counts a new
// epoch. The caller must hold the service's lock. It returns ErrMissing, ErrForeign,
// ErrDamaged, ErrTooNew or ErrBusy, or what the file system said. A file that it refuses
// it has not touched.
func Open(path string, schema Schema, opts Options) (*Store, error) {
	opts = opts.withDefaults()
	if err := ensure(path, schema, opts); err != nil {
		return nil, err
	}
	info, err := Peek(path)
	if err != nil {
		return nil, err
	}
	if err := admit(info, schema); err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	db, err := openBolt(path, boltOptions())
	if err != nil {
		return nil, err
	}
	s := &Store{
		db: db, schema: schema, opts: opts,
		queue:   make(chan *change, maxBatchChanges),
		stopped: make(chan struct{}),
		commit:  (*bbolt.Tx).Commit,
	}
	s.once = sync.OnceValue(s.close)
	if err := db.Update(s.start); err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", path, err), db.Close())
	}
	go s.committer()
	return s, nil
}

// start brings the file up to the schema and counts the epoch.
func (s *Store) start(tx *bbolt.Tx) error {
	info, err := readInfo(tx)
	if err != nil {
		return err
	}
	if err := createBuckets(tx, s.schema); err != nil {
		return err
	}
	info.Epoch++
	info.SchemaVersion = max(info.SchemaVersion, s.schema.Version)
	m := tx.Bucket(metaBucket)
	if err := m.Put(metaEpoch, be(info.Epoch)); err != nil {
		return err
	}
	if err := m.Put(metaSchema, be(uint64(info.SchemaVersion))); err != nil {
		return err
	}
	info.OpenTime = s.opts.Now()
	s.info = info
	s.secret = append([]byte(nil), m.Get(metaSecret)...)
	s.checksum = info.Checksum
	s.sequence.Store(info.Sequence)
	return nil
}

// ensure makes a new store where there is none. It is built aside and renamed, so
// that a crash leaves either none or a whole one.
func ensure(path string, schema Schema, opts Options) error {
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return err
	case opts.NeverCreate:
		return fmt.Errorf("%w at %s, and none may be created", ErrMissing, path)
	}
	return Build(context.Background(), path, schema, opts, nil, func(*Builder) error { return nil })
}

func openBolt(path string, o *bbolt.Options) (db *bbolt.DB, err error) {
	defer damaged(path, &err)
	db, err = bbolt.Open(path, 0o600, o)
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", ErrBusy, path)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	case err != nil:
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return db, nil
}

// damaged turns a panic, which is how bbolt meets a page that is not what it should be,
// into ErrDamaged.
func damaged(path string, err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("%w: %s: %v", ErrDamaged, path, v)
	}
}

// Close takes no more changes, waits for those that are queued and for open
// transactions, and closes the file. Closing again gives the same result.
func (s *Store) Close() error { return s.once() }

func (s *Store) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.pending.Wait()
	close(s.queue)
	<-s.stopped
	return s.db.Close()
}

// View runs fn in a read-only transaction. Its bytes are valid only inside; no RPC
// and nothing that waits for a peer belongs there. It returns ErrClosed or fn's error.
func (s *Store) View(fn func(tx *bbolt.Tx) error) error {
	return closedOr(s.db.View(fn))
}

// closedOr names the error of using a closed file.
func closedOr(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed.Because(err)
	}
	return err
}

// Sequence gives the number of the last committed change. Read before a View it is
// never ahead of what that View sees, so a tag made of it never outlives its content.
func (s *Store) Sequence() uint64 { return s.sequence.Load() }

// PageSecret gives the secret that signs the store's page tokens.
func (s *Store) PageSecret() []byte { return s.secret }

// Now gives the store's clock to the millisecond, as resources carry it.
func (s *Store) Now() time.Time { return s.opts.Now().UTC().Truncate(time.Millisecond) }

// Info tells what the store says of itself now.
func (s *Store) Info() (Info, error) {
	var info Info
	err := s.View(func(tx *bbolt.Tx) (err error) {
		info, err = readInfo(tx)
		return err
	})
	info.OpenTime = s.info.OpenTime
	return info, err
}

// Peek tells what the closed store at path says of itself. It returns ErrMissing,
// ErrForeign, ErrDamaged or ErrBusy, or what the file system said.
func Peek(path string) (Info, error) {
	var info Info
	err := readOnly(path, func(tx *bbolt.Tx) (err error) {
		info, err = readInfo(tx)
		return err
	})
	return info, err
}

// ReadOnly runs fn over the store at path, which nobody may be serving. It returns
// ErrMissing, ErrForeign, ErrDamaged, ErrTooNew or ErrBusy, fn's error, or what the file
// system said.
func ReadOnly(path string, schema Schema, fn func(tx *bbolt.Tx) error) error {
	return readOnly(path, func(tx *bbolt.Tx) error {
		info, err := readInfo(tx)
		if err != nil {
			return err
		}
		if err := admit(info, schema); err != nil {
			return fmt.Errorf("opening %s: %w", path, err)
		}
		return fn(tx)
	})
}

// readOnly runs fn over a file that no process serves.
func readOnly(path string, fn func(tx *bbolt.Tx) error) (err error) {
	switch info, err := os.Stat(path); {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w at %s", ErrMissing, path)
	case err != nil:
		return err
	case info.Size() == 0:
		return fmt.Errorf("%w: %s is empty", ErrForeign, path) // bbolt would fill it
	}
	db, err := openBolt(path, &bbolt.Options{Timeout: lockTimeout, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	defer damaged(path, &err)
	return db.View(func(tx *bbolt.Tx) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		// To touch a page that is not there is not an error but the process's end.
		if info.Size() < tx.Size() {
			return fmt.Errorf("%w: %s has %d bytes of %d, as a copy that was broken off", ErrDamaged, path, info.Size(), tx.Size())
		}
		return fn(tx)
	})
}
