// Package reference checks that what a request names in other services exists.
package reference

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/apierr"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// Budget bounds how long a request waits for the other services, retries included.
const Budget = time.Second

var (
	// ErrNotFound says that fields name resources that do not exist.
	ErrNotFound = apierr.New(codes.FailedPrecondition, errorsv1.Reason_REASON_REFERENCE_NOT_FOUND,
		"the request names what does not exist")
	// ErrPeerUnavailable says that a service could not be asked.
	ErrPeerUnavailable = apierr.New(codes.Unavailable, errorsv1.Reason_REASON_PEER_UNAVAILABLE,
		"another service that this request needs cannot be asked now; try again")
)

// A Reference is a request's field that names another service's resource.
type Reference struct {
	// Field is the field, as JSON names it.
	Field string
	// Service is the service to ask.
	Service string
	// Get asks it. It returns a status of NOT_FOUND if there is no such resource.
	Get func(context.Context) error
}

// Check asks for all references at once, within Budget. It returns ErrNotFound with every
// field whose resource does not exist; else ErrPeerUnavailable if a service could not be
// asked; or ctx's error.
func Check(ctx context.Context, refs ...Reference) error {
	within, cancel := context.WithTimeout(ctx, Budget)
	defer cancel()
	errs := make([]error, len(refs))
	var others sync.WaitGroup
	for i, ref := range refs[1:] {
		others.Go(func() { errs[i+1] = ref.Get(within) })
	}
	errs[0] = refs[0].Get(within)
	others.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return verdict(refs, errs)
}

func verdict(refs []Reference, errs []error) error {
	missing, found := ErrNotFound, true
	var unasked []string
	var causes []error
	for i, err := range errs {
		switch {
		case err == nil:
		case status.Code(err) == codes.NotFound:
			found = false
			missing = missing.WithField(refs[i].Field, "does not exist")
		default:
			unasked = append(unasked, refs[i].Service)
			causes = append(causes, fmt.Errorf("%s: %w", refs[i].Service, err))
		}
	}
	switch {
	case !found:
		// Whatever the other service would say, the request cannot succeed.
		return missing
	case len(unasked) > 0:
		return ErrPeerUnavailable.With("service", strings.Join(unasked, ", ")).Because(errors.Join(causes...))
	}
	return nil
}
