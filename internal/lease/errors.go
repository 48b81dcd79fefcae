package lease

import (
	"google.golang.org/grpc/codes"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/store"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// Errors that clients may see.
var (
	// ErrNoOwner says that no process was found that owns the store, or that its owner
	// did not answer in time.
	ErrNoOwner = store.ErrClosed.Message(
		"no process owns the store at this moment, or its owner does not answer; try again, a write with the same idempotency key")
	// errTooManyHeld says that as many requests wait for an owner as may.
	errTooManyHeld = ErrNoOwner.Message("no process owns the store at this moment, and too many requests wait for one; try again later")
	// errNotHere answers a forwarded call that has reached a process which is no owner.
	errNotHere = store.ErrClosed.Message("this process does not own the store")
)

// Errors that operators may see.
var (
	// ErrRefused says that the process that shall own the store is not able.
	ErrRefused = apierr.New(codes.FailedPrecondition, errorsv1.Reason_REASON_HANDOFF_REFUSED,
		"the process that shall own the store is not able to")
	// ErrAborted says that a handoff was broken off. Its message says who owns the store
	// then.
	ErrAborted = apierr.New(codes.Aborted, errorsv1.Reason_REASON_HANDOFF_ABORTED,
		"the handoff was broken off")
	// ErrMismatch says that a store was not found as its last owner left it.
	ErrMismatch = apierr.New(codes.DataLoss, errorsv1.Reason_REASON_HANDOFF_ABORTED,
		"the store is not as its owner left it")
)

// ownerMetadata is the entry of an error's metadata that names the owner.
const ownerMetadata = "owner"
