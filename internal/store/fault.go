package store

import (
	"errors"
	"io/fs"
	"syscall"

	"go.etcd.io/bbolt"

	"github.com/splitboard/splitboard/internal/failpoint"
)

// A commitError is what bbolt's Commit returned: unlike every error before it, it may
// have left the change visible.
type commitError struct{ err error }

func (e *commitError) Error() string { return "commit: " + e.err.Error() }
func (e *commitError) Unwrap() error { return e.err }

// commitOrFail commits. Its error is a *commitError.
func (s *Store) commitOrFail(tx *bbolt.Tx) error {
	if err := failpoint.Err(failpoint.StoreCommit); err != nil {
		return &commitError{errors.Join(err, tx.Rollback())}
	}
	if err := s.commit(tx); err != nil {
		return &commitError{err}
	}
	return nil
}

// explainFailedCommit gives the error that a batch's callers get if the transaction
// surely left no trace, and nil if nobody can know.
//
// Before Commit nothing is written. In Commit, a write that finds no room fails before
// any sync, so bbolt's rollback is the end of it; that the last sequence is still the
// old one shows that it was no write of the meta page that failed. After a failed sync the
// kernel may have dropped or kept the pages, and asking again proves nothing: see
// Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020.
func (s *Store) explainFailedCommit(f *file, err error) error {
	if _, ok := errors.AsType[*commitError](err); !ok {
		return err
	}
	if !noRoom(err) {
		return nil
	}
	var now uint64
	if verr := f.db.View(func(tx *bbolt.Tx) error {
		now = number(tx.Bucket(metaBucket).Get(metaSequence))
		return nil
	}); verr != nil || now != s.sequence.Load() {
		return nil //nolint:nilerr // nil says that nobody can know
	}
	return ErrFull.Because(err)
}

// noRoom tells whether err is a write call, not a sync, that found the disk, the quota
// or the file-size limit exhausted.
func noRoom(err error) bool {
	var call *fs.PathError
	if !errors.As(err, &call) || call.Op != "write" {
		return false
	}
	return errors.Is(call.Err, syscall.ENOSPC) || errors.Is(call.Err, syscall.EDQUOT) || errors.Is(call.Err, syscall.EFBIG)
}
