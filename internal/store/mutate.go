package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/failpoint"
)

// A batch ends at whichever of these it reaches first. They bound how long a change
// waits for the others in its transaction, and the memory that a transaction takes.
const (
	maxBatchChanges = 1000
	maxBatchBytes   = 4 << 20
)

// A change is one call of Mutate on its way through the committer.
type change struct {
	ctx   context.Context // the committer skips changes whose caller has gone
	key   *keyed          // nil: no idempotency key
	size  int             // of the request, in bytes
	apply func(*Tx) (proto.Message, error)
	empty proto.Message // what a remembered answer is read into
	done  chan outcome  // buffered, so that the committer never waits for a caller

	result outcome
}

type outcome struct {
	answer  proto.Message
	err     error
	fromKey bool // the answer was remembered
}

// Mutate runs apply in a transaction and returns its answer once that is durable.
//
// apply runs in the committer goroutine, among other changes: it must be quick, must
// not wait for anything, and writes through its Tx alone. If it fails or panics, what
// it did is undone and Mutate returns its error. It may still run after Mutate has
// returned ctx's error, so what it uses must not be modified then. If ctx carries an idempotency key,
// the same request again gives the first answer, and another request under that key
// ErrKeyReused; failures are not remembered. Mutate also returns ErrFull, ErrClosed,
// or ctx's error: the change may then commit yet, and a retry with the same key finds
// out.
func Mutate[T proto.Message](ctx context.Context, s *Store, method string, request proto.Message, apply func(*Tx) (T, error)) (T, error) {
	var none T
	key, err := keyedOf(ctx, method, request)
	if err != nil {
		return none, err
	}
	c := &change{
		ctx: ctx, key: key, size: proto.Size(request),
		apply: func(tx *Tx) (proto.Message, error) { return apply(tx) },
		empty: none.ProtoReflect().New().Interface(),
		done:  make(chan outcome, 1),
	}
	answer, err := s.mutate(c)
	if err != nil {
		return none, err
	}
	t, ok := answer.(T)
	if !ok {
		return none, fmt.Errorf("store: the answer is a %T, not a %T", answer, none)
	}
	return t, nil
}

func (s *Store) mutate(c *change) (proto.Message, error) {
	if !s.gate.enter() {
		return nil, ErrClosed
	}
	select {
	case s.file.queue <- c: // from here on the committer leaves for it
	case <-c.ctx.Done():
		s.gate.leave()
		return nil, c.ctx.Err()
	}
	select {
	case o := <-c.done:
		return o.answer, o.err
	case <-c.ctx.Done():
		return nil, c.ctx.Err()
	}
}

// committer takes what is queued, commits it in one transaction and answers, until
// the queue is closed. Nobody waits for a timer: an idle store commits at once, and
// while one batch syncs the next one gathers.
func (s *Store) committer(f *file) {
	defer close(f.stopped)
	batch := make([]*change, 0, maxBatchChanges)
	for first := range f.queue {
		// Callers that were just answered get to queue their next change first, so
		// that they share this fsync instead of waiting for the one after it.
		runtime.Gosched()
		batch = f.gather(append(batch[:0], first))
		if !s.commitBatch(f, batch) {
			s.abandon(f, batch)
			return
		}
		clear(batch)
	}
}

// gather adds to the batch what is queued already.
func (f *file) gather(batch []*change) []*change {
	size := batch[0].size
	for len(batch) < maxBatchChanges && size < maxBatchBytes {
		select {
		case c, ok := <-f.queue:
			if !ok {
				return batch
			}
			size += c.size
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}

// commitBatch runs the batch and answers every change of it. It returns false if the
// outcome is unknown: then nobody has been answered, and the process has to end.
func (s *Store) commitBatch(f *file, batch []*change) bool {
	f.batches.Add(1)
	sequence, checksum, err := s.runBatch(f, batch)
	f.batches.Add(1)
	if err != nil {
		rolledBack := s.explainFailedCommit(f, err)
		if rolledBack == nil {
			s.opts.Fatal(err)
			return false
		}
		if errors.Is(rolledBack, ErrFull) && !f.full {
			f.full = true
			s.opts.Log.Warn("the store has no room: writes are refused until there is, reads go on", "error", err)
		}
		for _, c := range batch {
			c.result = outcome{err: rolledBack}
		}
	} else {
		if f.full && sequence != s.sequence.Load() {
			f.full = false
			s.opts.Log.Info("the store has room again")
		}
		f.checksum = checksum
		s.sequence.Store(sequence)
	}
	for _, c := range batch {
		if c.result.fromKey {
			s.answersFromKeys.Add(1)
		}
		c.done <- c.result
		s.gate.leave()
	}
	return true
}

// runBatch runs the batch in one transaction, leaving each change's result in it. An
// error is one of the transaction as a whole.
func (s *Store) runBatch(f *file, batch []*change) (sequence, checksum uint64, err error) {
	bolt, err := f.db.Begin(true)
	if err != nil {
		return 0, 0, err
	}
	tx := newTx(bolt, s.schema, f.checksum, s.sequence.Load(), true)
	now := s.opts.Now()
	dirty := false
	for _, c := range batch {
		if c.result, err = runChange(tx, c, now); err != nil {
			return 0, 0, rollback(bolt, err)
		}
		dirty = dirty || tx.wrote
	}
	if !dirty {
		return s.sequence.Load(), f.checksum, bolt.Rollback()
	}
	if err := sweepKeys(tx, now, 2*len(batch)); err != nil {
		return 0, 0, rollback(bolt, err)
	}
	if err := tx.writeState(); err != nil {
		return 0, 0, rollback(bolt, err)
	}
	if err := s.commitOrFail(bolt); err != nil {
		return 0, 0, err
	}
	failpoint.Hit(failpoint.StoreCommitted)
	return tx.sequence, tx.checksum, nil
}

// runChange runs one change and undoes it if it fails. An error is one that spoils
// the whole transaction.
func runChange(tx *Tx, c *change, now time.Time) (outcome, error) {
	if err := c.ctx.Err(); err != nil {
		// The caller has gone and was told nothing.
		tx.begin()
		return outcome{err: err}, nil //nolint:nilerr // the others' transaction goes on
	}
	checksum := tx.begin()
	answer, fromKey, err := c.run(tx, now)
	if err != nil {
		return outcome{err: err}, tx.rollback(checksum)
	}
	tx.keep()
	return outcome{answer: answer, fromKey: fromKey}, nil
}

// run looks the key up, runs the change, and records the answer under the key.
func (c *change) run(tx *Tx, now time.Time) (answer proto.Message, fromKey bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic in a change: %v\n%s", v, debug.Stack())
		}
	}()
	if c.key == nil {
		answer, err = c.apply(tx)
		return answer, false, err
	}
	found, err := c.key.lookup(tx.Bucket(keysBucket), c.empty, now)
	if err != nil {
		return nil, false, err
	}
	if found {
		return c.empty, true, nil
	}
	answer, err = c.apply(tx)
	if err != nil {
		return nil, false, err
	}
	return answer, false, c.key.record(tx, answer, now)
}

// abandon gives up every change that nobody will answer: the process is ending, and
// callers wait for their contexts or for the end.
func (s *Store) abandon(f *file, batch []*change) {
	for range batch {
		s.gate.leave()
	}
	for range f.queue {
		s.gate.leave()
	}
}

func rollback(bolt *bbolt.Tx, cause error) error {
	if err := bolt.Rollback(); err != nil {
		return fmt.Errorf("%w (and rolling back: %w)", cause, err)
	}
	return cause
}
