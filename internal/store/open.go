package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/splitboard/splitboard/internal/failpoint"
)

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

// Open opens the store at path and its gate. The caller must hold the service's lock.
// The errors are [Store.Open]'s.
func Open(path string, schema Schema, opts Options) (*Store, error) {
	s := New(path, schema, opts)
	if err := s.Open(); err != nil {
		return nil, err
	}
	s.OpenGate()
	return s, nil
}

// Open opens the file to serve it and counts a new epoch. If there is none it creates
// it, unless the options forbid that. The gate stays closed. The caller must hold the
// service's lock. It returns ErrOpen, ErrMissing, ErrForeign, ErrDamaged, ErrTooNew or
// ErrBusy, or what the file system said. A file that it refuses it has not touched.
func (s *Store) Open() error { return s.open(!s.opts.NeverCreate) }

// OpenExisting does the same, but never creates a store: who takes over from another
// process finds one, or the disk is not what it was.
func (s *Store) OpenExisting() error { return s.open(false) }

func (s *Store) open(mayCreate bool) error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.file != nil {
		return fmt.Errorf("%w: %s", ErrOpen, s.path)
	}
	if err := s.ensure(mayCreate); err != nil {
		return err
	}
	info, err := Peek(s.path)
	if err != nil {
		return err
	}
	if err := admit(info, s.schema); err != nil {
		return fmt.Errorf("opening %s: %w", s.path, err)
	}
	db, err := openBolt(s.path, boltOptions())
	if err != nil {
		return err
	}
	f := &file{db: db, queue: make(chan *change, maxBatchChanges), stopped: make(chan struct{})}
	if err := db.Update(func(tx *bbolt.Tx) error { return s.start(f, tx) }); err != nil {
		return errors.Join(fmt.Errorf("opening %s: %w", s.path, err), db.Close())
	}
	s.file = f
	go s.committer(f)
	go s.watchdog(f)
	s.gate.unbar()
	return nil
}

// start brings the file up to the schema and counts the epoch.
func (s *Store) start(f *file, tx *bbolt.Tx) error {
	info, err := readInfo(tx)
	if err != nil {
		return err
	}
	if err := createBuckets(tx, s.schema); err != nil {
		return err
	}
	m := tx.Bucket(metaBucket)
	if err := m.Put(metaEpoch, be(info.Epoch+1)); err != nil {
		return err
	}
	if err := m.Put(metaSchema, be(uint64(max(info.SchemaVersion, s.schema.Version)))); err != nil {
		return err
	}
	secret := append([]byte(nil), m.Get(metaSecret)...)
	s.secret.Store(&secret)
	s.sequence.Store(info.Sequence)
	f.checksum = info.Checksum
	f.openTime = s.opts.Now()
	return nil
}

// OpenGate lets requests in. It does nothing if they are let in already, and if the
// store is closed or being closed.
func (s *Store) OpenGate() { s.gate.open() }

// CloseGate lets no more requests in, breaks backups off, and waits for the requests
// inside until ctx ends; then it returns ctx's error and leaves the gate closed. It also
// returns an error if somebody opened the gate meanwhile. Once it has returned nil,
// nothing reads or writes the store until OpenGate.
func (s *Store) CloseGate(ctx context.Context) error {
	s.gate.close()
	failpoint.Hit(failpoint.HandoffGateClosed)
	if err := s.gate.drain(ctx); err != nil {
		return fmt.Errorf("waiting for the requests inside the store: %w", err)
	}
	return nil
}

// Close closes the gate for good, waits for the requests inside, and closes the file.
// The store may be opened again after that. To close a closed store is no error; who
// does so while another closes it waits for that.
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	f := s.file
	if f == nil {
		return nil
	}
	s.gate.bar()
	if err := s.gate.drain(context.Background()); err != nil {
		return err
	}
	close(f.queue)
	<-f.stopped
	s.file = nil
	return f.db.Close()
}

// ensure makes a new store where there is none. It is built aside and renamed, so
// that a crash leaves either none or a whole one.
func (s *Store) ensure(mayCreate bool) error {
	_, err := os.Stat(s.path)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return err
	case !mayCreate:
		return fmt.Errorf("%w at %s, and none may be created", ErrMissing, s.path)
	}
	return Build(context.Background(), s.path, s.schema, s.opts, nil, func(*Builder) error { return nil })
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
