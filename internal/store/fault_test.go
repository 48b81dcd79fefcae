package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/splitboard/splitboard/internal/apierr"
)

// writeError is what bbolt returns from Commit if a write call fails.
func writeError(cause error) error {
	return &fs.PathError{Op: "write", Path: "/data/store.db", Err: cause}
}

// failOnce makes the next commit fail as a full disk would: rolled back whole.
func failOnce(s *Store, err error) {
	commit := s.commit
	s.commit = func(tx *bbolt.Tx) error {
		s.commit = commit
		return errors.Join(err, tx.Rollback())
	}
}

func TestANoRoomCommitIsRolledBack(t *testing.T) {
	for name, cause := range map[string]error{"disk": syscall.ENOSPC, "quota": syscall.EDQUOT, "file size": syscall.EFBIG} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer // the committer's, until the store is asked for no more
			s := openNew(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			mustChange(t, s, steps(put("k", "before"), addItem))
			before := dump(t, s)
			ctx := WithIdempotencyKey(t.Context(), "key")
			var c counter
			failOnce(s, writeError(cause))
			h := hold(t, s)
			for range 3 {
				h.start(func() {
					if err := do(t.Context(), s, steps(put("k", "lost"), addItem)); !errors.Is(err, ErrFull) || !errors.Is(err, cause) {
						t.Errorf("Mutate = %v, want ErrFull because of %v", err, cause)
					}
				})
			}
			h.start(func() {
				if _, err := c.create(ctx, s, "/a", "x"); !errors.Is(err, ErrFull) {
					t.Errorf("Mutate = %v, want ErrFull", err)
				}
			})
			h.start(func() {
				if err := do(t.Context(), s, func(*Tx) error { return errRefused }); !errors.Is(err, ErrFull) {
					t.Errorf("Mutate = %v: whatever a change said rests on what was rolled back", err)
				}
			})
			h.letGo()
			wantDump(t, dump(t, s), before)
			if _, found, err := Answered[*wrapperspb.StringValue](ctx, s, "/a", wrapperspb.String("x")); found || err != nil {
				t.Errorf("the failed commit's key is known: %t, %v", found, err)
			}
			if answer, err := c.create(ctx, s, "/a", "x"); answer != "x 2" || err != nil {
				t.Errorf("the retry: %q, %v", answer, err)
			}
			mustChange(t, s, put("k", "after"))
			wantRow(t, s, "k", "after")
			if got := s.Sequence(); got != 3 {
				t.Errorf("Sequence = %d, want 3", got)
			}
			full, room := strings.Count(log.String(), "has no room"), strings.Count(log.String(), "has room again")
			if full != 1 || room != 1 {
				t.Errorf("the log says %d times that there is no room and %d times that there is:\n%s", full, room, log.String())
			}
		})
	}
}

// The path in the cause is for the log.
func TestErrFullHidesItsCause(t *testing.T) {
	s := openNew(t, Options{})
	failOnce(s, writeError(syscall.ENOSPC))
	err := do(t.Context(), s, put("k", "v"))
	if got, want := apierr.Status(err).String(), ErrFull.GRPCStatus().String(); got != want {
		t.Errorf("the client would see %s, want %s", got, want)
	}
}

func TestACommitWithAnUnknownOutcomeIsFatal(t *testing.T) {
	for name, commit := range map[string]func(*bbolt.Tx) error{
		"a failed sync": func(tx *bbolt.Tx) error {
			return errors.Join(&fs.PathError{Op: "sync", Path: "p", Err: syscall.EIO}, tx.Rollback())
		},
		"a sync that found no room": func(tx *bbolt.Tx) error {
			return errors.Join(&fs.PathError{Op: "sync", Path: "p", Err: syscall.ENOSPC}, tx.Rollback())
		},
		"a bare errno": func(tx *bbolt.Tx) error { return errors.Join(syscall.ENOSPC, tx.Rollback()) },
		"a write error": func(tx *bbolt.Tx) error {
			return errors.Join(writeError(syscall.EIO), tx.Rollback())
		},
		"no room, but visible": func(tx *bbolt.Tx) error {
			return errors.Join(writeError(syscall.ENOSPC), tx.Commit())
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			fatal := make(chan error, 1)
			s := openAt(t, path, testSchema, Options{Fatal: func(err error) { fatal <- err }})
			mustChange(t, s, put("k", "before"))
			s.commit = commit
			ctx, cancel := context.WithCancel(t.Context())
			h := hold(t, s)
			for _, key := range []string{"a", "b"} {
				h.start(func() {
					if err := do(ctx, s, put(key, "v")); !errors.Is(err, context.Canceled) {
						t.Errorf("Mutate = %v: nobody may be answered", err)
					}
				})
			}
			h.release()
			if err := <-fatal; err == nil {
				t.Error("Fatal was given no error")
			}
			// Who comes now is not answered either.
			h.started.Go(func() {
				if err := do(ctx, s, put("late", "v")); !errors.Is(err, context.Canceled) {
					t.Errorf("Mutate = %v: nobody may be answered", err)
				}
			})
			eventually(t, func() bool { return len(s.file.queue) == 0 })
			wantRow(t, s, "k", "before")
			if len(fatal) != 0 {
				t.Error("Fatal was called twice")
			}
			cancel()
			h.started.Wait()
			closeStore(t, s) // does not wait for what is never answered
			s = openAt(t, path, testSchema, Options{})
			mustChange(t, s, put("k", "after"))
			wantNoRow(t, s, "late")
		})
	}
}

func TestAFaultBeforeTheCommitFailsTheBatchAlone(t *testing.T) {
	s := openNew(t, Options{})
	mustChange(t, s, put("k", "before"))
	// A damaged record makes its own change fail, and no other.
	mustChange(t, s, func(tx *Tx) error { return tx.Put(keysBucket, []byte("key"), []byte("\xff")) })
	err := do(WithIdempotencyKey(t.Context(), "key"), s, put("k", "lost"))
	if err == nil || apierr.ReasonOf(apierr.Status(err)) != "INTERNAL" {
		t.Errorf("Mutate = %v, want an internal error", err)
	}
	mustChange(t, s, func(tx *Tx) error { return tx.Delete(keysBucket, []byte("key")) })
	wantRow(t, s, "k", "before")
}
