package reference_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/reference"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

func answer(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

func hang(ctx context.Context) error {
	<-ctx.Done()
	return status.FromContextError(ctx.Err()).Err()
}

var (
	missing = status.Error(codes.NotFound, "no")
	down    = status.Error(codes.Unavailable, "connection refused")
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		thread, user func(context.Context) error
		want         error
		fields       []string
	}{
		"both there":              {answer(nil), answer(nil), nil, nil},
		"thread missing":          {answer(missing), answer(nil), reference.ErrNotFound, []string{"thread"}},
		"user missing":            {answer(nil), answer(missing), reference.ErrNotFound, []string{"user"}},
		"both missing":            {answer(missing), answer(missing), reference.ErrNotFound, []string{"thread", "user"}},
		"one down":                {answer(nil), answer(down), reference.ErrPeerUnavailable, nil},
		"both down":               {answer(down), answer(down), reference.ErrPeerUnavailable, nil},
		"one missing, one down":   {answer(missing), answer(down), reference.ErrNotFound, []string{"thread"}},
		"one hangs":               {answer(nil), hang, reference.ErrPeerUnavailable, nil},
		"one hangs, one missing":  {hang, answer(missing), reference.ErrNotFound, []string{"user"}},
		"a fault of the other's":  {answer(status.Error(codes.Internal, "x")), answer(nil), reference.ErrPeerUnavailable, nil},
		"the other cannot decode": {answer(errors.New("no status")), answer(nil), reference.ErrPeerUnavailable, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				err := reference.Check(t.Context(),
					reference.Reference{Field: "thread", Service: "threads", Get: c.thread},
					reference.Reference{Field: "user", Service: "users", Get: c.user})
				if !errors.Is(err, c.want) {
					t.Fatalf("Check = %v, want %v", err, c.want)
				}
				if took := time.Since(start); took > reference.Budget {
					t.Errorf("took %v, more than the budget of %v", took, reference.Budget)
				}
				if got := violated(err); len(got) != len(c.fields) {
					t.Errorf("violated fields %v, want %v", got, c.fields)
				}
			})
		})
	}
}

func TestCheckGivesTheCallersOwnDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), reference.Budget/2)
		defer cancel()
		err := reference.Check(ctx, reference.Reference{Field: "user", Service: "users", Get: hang})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Check = %v, want the context's error", err)
		}
	})
}

func violated(err error) (fields []string) {
	for _, d := range apierr.Status(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				fields = append(fields, v.GetField())
			}
		}
	}
	return fields
}
