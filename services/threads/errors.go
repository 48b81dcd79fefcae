package threads

import (
	"google.golang.org/grpc/codes"

	"github.com/splitboard/splitboard/internal/apierr"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// ErrNotFound says that there is no thread with the id.
var ErrNotFound = apierr.New(codes.NotFound, errorsv1.Reason_REASON_THREAD_NOT_FOUND, "there is no such thread")
