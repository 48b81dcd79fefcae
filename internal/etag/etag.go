// Package etag makes and compares the board's entity tags (RFC 9110 section 8.8.3).
//
// A tag is the number of the change that it names, so making one never reads or hashes
// what it stands for. Tags carry their quotes everywhere, as AIP-154 asks.
package etag

import (
	"strconv"

	"google.golang.org/grpc/codes"

	"github.com/splitboard/splitboard/internal/apierr"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// ErrMismatch says that a resource has changed since its tag was read.
var ErrMismatch = apierr.New(codes.Aborted, errorsv1.Reason_REASON_ETAG_MISMATCH,
	"the resource has changed since this etag was read; read it again")

// Strong gives the tag of a resource that the change with this number wrote.
func Strong(sequence uint64) string {
	b := append(make([]byte, 0, 16), '"')
	return string(append(strconv.AppendUint(b, sequence, 36), '"'))
}

// Weak gives the tag of a listing when this is the store's last change: it says that
// nothing in the store has changed, whatever the listing shows of it.
func Weak(sequence uint64) string {
	b := append(make([]byte, 0, 16), `W/"`...)
	return string(append(strconv.AppendUint(b, sequence, 36), '"'))
}

// Guard returns ErrMismatch if the client wants a tag, and it is not the current one.
func Guard(want, current string) error {
	if want != "" && want != current {
		return ErrMismatch
	}
	return nil
}
