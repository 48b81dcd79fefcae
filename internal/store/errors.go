package store

import (
	"errors"

	"google.golang.org/grpc/codes"

	"github.com/splitboard/splitboard/internal/apierr"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// Errors that clients may see.
var (
	// ErrKeyReused says that the idempotency key belongs to another request.
	ErrKeyReused = apierr.New(codes.FailedPrecondition, errorsv1.Reason_REASON_IDEMPOTENCY_KEY_REUSED,
		"this idempotency key was used for another request")
	// ErrFull says that a commit found no room and was rolled back whole.
	ErrFull = apierr.New(codes.Unavailable, errorsv1.Reason_REASON_STORE_FULL,
		"the store has no room for writes; reads go on")
	// ErrClosed says that the gate is closed: another process owns the store, or
	// nobody does.
	ErrClosed = apierr.New(codes.Unavailable, errorsv1.Reason_REASON_NOT_OWNER,
		"this process does not own the store; try again")
)

// Errors of opening a store and of keeping it, for the operator.
var (
	// ErrOpen says that this Store has its file open, or its gate, where it must not.
	ErrOpen = errors.New("the store is open")
	// ErrWedged says that changes wait and nothing commits.
	ErrWedged = errors.New("changes wait, and no commit has ended for too long")
	// ErrTooNew says that the store's data needs a newer binary.
	ErrTooNew = errors.New("the store needs a newer binary")
	// ErrForeign says that the file is not this service's store.
	ErrForeign = errors.New("the file is not this service's store")
	// ErrDamaged says that the file is a store no more, or never was one.
	ErrDamaged = errors.New("the file cannot be read as a store")
	// ErrMissing says that there is no store and none may be created.
	ErrMissing = errors.New("there is no store")
	// ErrBusy says that another process has the file open.
	ErrBusy = errors.New("another process has the store open")
	// ErrExists says that there is a store where a new one should be built.
	ErrExists = errors.New("there is a store already")
)
