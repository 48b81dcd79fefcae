// Package idempotency says what an idempotency key is and how it travels: in the HTTP
// header Idempotency-Key, and in gRPC metadata of the same name. The store keeps what was
// answered under it.
package idempotency

import (
	"google.golang.org/grpc/codes"

	"github.com/splitboard/splitboard/internal/apierr"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

const (
	// Header is the HTTP header, in the form that net/http gives it.
	Header = "Idempotency-Key"
	// Metadata is the key of the gRPC metadata.
	Metadata = "idempotency-key"

	// maxLength is in characters, which are bytes here.
	maxLength = 255
)

// ErrInvalidKey says that a key breaks the rules, or that there were several.
var ErrInvalidKey = apierr.New(codes.InvalidArgument, errorsv1.Reason_REASON_INVALID_IDEMPOTENCY_KEY,
	"an idempotency key is 1 to 255 visible ASCII characters, sent once")

// Key gives the key that a request was sent with, or "" if it was sent with none. It
// returns ErrInvalidKey.
func Key(sent []string) (string, error) {
	if len(sent) == 0 {
		return "", nil
	}
	key := sent[0]
	if len(sent) > 1 || key == "" || len(key) > maxLength {
		return "", ErrInvalidKey
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return "", ErrInvalidKey
		}
	}
	return key, nil
}
