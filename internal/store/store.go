package store

import (
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/splitboard/splitboard/internal/failpoint"
)

// Options say how a store is opened. The zero value is right for tests.
type Options struct {
	// NeverCreate refuses to start a store where there is none.
	NeverCreate bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Fatal is called when a commit failed in a way that may yet have made it
	// visible, and with ErrWedged. It must end the process, without waiting for the
	// store: changes are answered no more. nil means to log and exit with code 1.
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
			log.Error("the store cannot go on; ending the process", "error", err)
			os.Exit(1)
		}
	}
	return o
}

// A Store is a service's data, in a bbolt file that opens and closes under those who
// use it. It is safe for concurrent use.
type Store struct {
	path   string
	schema Schema
	opts   Options

	gate *gate
	// file belongs to those inside the gate. It is set and cleared while the gate is
	// barred and nobody is inside.
	file *file
	life sync.Mutex // held by who opens or closes the file, or uses it with the gate closed

	// These outlive the file: who asks for them is outside the gate.
	sequence        atomic.Uint64 // the last committed change's number, published after its commit
	secret          atomic.Pointer[[]byte]
	answersFromKeys atomic.Uint64

	// commit ends a transaction. Tests put faults here.
	commit func(*bbolt.Tx) error
	// ticker paces the watchdog. Tests have one that they move.
	ticker func(time.Duration) (ticks <-chan time.Time, stop func())
}

// A file is what belongs to one opening of the store.
type file struct {
	db       *bbolt.DB
	openTime time.Time
	checksum uint64 // the committer's own
	full     bool   // the committer's own: the last commit found no room

	queue   chan *change
	batches atomic.Uint64 // begun and finished ones: odd while one is in work
	stopped chan struct{} // closed when the committer has ended
}

// New gives the store at path, closed.
func New(path string, schema Schema, opts Options) *Store {
	return &Store{
		path: path, schema: schema, opts: opts.withDefaults(),
		gate: newGate(), commit: (*bbolt.Tx).Commit, ticker: newTicker,
	}
}

// View runs fn in a read-only transaction. Its bytes are valid only inside; no RPC
// and nothing that waits for a peer or uses the store again belongs there. It returns
// ErrClosed or fn's error.
func (s *Store) View(fn func(tx *bbolt.Tx) error) error {
	if !s.gate.enter() {
		return ErrClosed
	}
	defer s.gate.leave()
	return s.file.view(fn)
}

// view is View for who is inside already.
func (f *file) view(fn func(tx *bbolt.Tx) error) error {
	if !failpoint.Enabled {
		return f.db.View(fn)
	}
	return f.db.View(func(tx *bbolt.Tx) error {
		failpoint.Hit(failpoint.StoreView)
		return fn(tx)
	})
}

// Sequence gives the number of the last committed change that this process knows of.
// Read before a View it is never ahead of what that View sees, so a tag made of it never
// outlives its content.
func (s *Store) Sequence() uint64 { return s.sequence.Load() }

// PageSecret gives the secret that signs the store's page tokens; nil before the store
// has been open.
func (s *Store) PageSecret() []byte {
	if secret := s.secret.Load(); secret != nil {
		return *secret
	}
	return nil
}

// Now gives the store's clock to the millisecond, as resources carry it.
func (s *Store) Now() time.Time { return s.opts.Now().UTC().Truncate(time.Millisecond) }

// AnswersFromKeys tells how many requests this Store has answered from what it had
// remembered under their keys.
func (s *Store) AnswersFromKeys() uint64 { return s.answersFromKeys.Load() }

// Info tells what the store says of itself now. It returns ErrClosed.
func (s *Store) Info() (Info, error) {
	var info Info
	err := s.View(func(tx *bbolt.Tx) (err error) {
		info, err = readInfo(tx)
		info.OpenTime = s.file.openTime
		return err
	})
	return info, err
}
