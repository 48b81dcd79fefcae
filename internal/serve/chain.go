package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/idempotency"
	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/store"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

var errUnknownMethod = apierr.New(codes.Unimplemented, errorsv1.Reason_REASON_METHOD_NOT_ALLOWED,
	"this server has no such method")

// grpcOwn begins the names of gRPC's own services, as health. Their errors are theirs,
// and they wait for nothing.
const grpcOwn = "/grpc."

// A chain is what every RPC passes through, from the network and in process alike.
type chain struct {
	log *slog.Logger
	// owned has, by the full name of each method that works on a store, the interceptor
	// that runs it where the store is open.
	owned map[string]grpc.UnaryServerInterceptor
}

// unary runs one RPC: recover, observe, idempotency key, deadline, ownership, the handler,
// and the error's translation. It is one function because a closure for each step costs an
// allocation on every read.
func (c *chain) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if v := recover(); v != nil {
			resp, err = nil, c.panicked(ctx, info.FullMethod, v)
		}
	}()
	if strings.HasPrefix(info.FullMethod, grpcOwn) {
		return handler(ctx, req)
	}
	ctx, err = withKey(ctx)
	if err != nil {
		return nil, apierr.Status(err).Err()
	}
	ctx, deadline := withDeadline(ctx, time.Now())
	if deadline != nil {
		defer deadline.finish()
	}
	if own := c.owned[info.FullMethod]; own != nil {
		resp, err = own(ctx, req, info, handler)
	} else {
		resp, err = handler(ctx, req)
	}
	if err != nil {
		return nil, c.translate(ctx, info.FullMethod, err)
	}
	return resp, nil
}

// panicked logs a panic and gives what is sent instead.
func (c *chain) panicked(ctx context.Context, method string, v any) error {
	c.log.ErrorContext(ctx, "panic in a handler", "method", method, "request_id", observe.RequestID(ctx),
		"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	return apierr.ErrInternal.GRPCStatus().Err()
}

// translate gives what is sent for a handler's error, and logs the cause of one that
// is ours: nobody else will see it.
func (c *chain) translate(ctx context.Context, method string, err error) error {
	st := apierr.Status(err)
	switch {
	case st.Code() == codes.Internal && !loggedBefore(err):
		c.log.ErrorContext(ctx, "internal error", "method", method, "request_id", observe.RequestID(ctx), "error", err)
	case st.Code() == codes.Unavailable && hasCause(err) && !errors.Is(err, store.ErrFull): // the store tells that once
		c.log.WarnContext(ctx, "unavailable", "method", method, "request_id", observe.RequestID(ctx), "error", err)
	}
	return st.Err()
}

// hasCause tells whether err knows more than what is sent.
func hasCause(err error) bool {
	e, ours := errors.AsType[*apierr.Error](err)
	return ours && e.Unwrap() != nil
}

// loggedBefore tells whether err came out of another call's chain, which has logged
// the cause.
func loggedBefore(err error) bool {
	if _, ours := errors.AsType[*apierr.Error](err); ours {
		return false
	}
	st, ok := status.FromError(err)
	return ok && apierr.ReasonOf(st) != ""
}

// withKey checks the request's idempotency key and hands it to the store.
func withKey(ctx context.Context) (context.Context, error) {
	key, err := idempotency.Key(metadata.ValueFromIncomingContext(ctx, idempotency.Metadata))
	if err != nil || key == "" {
		return ctx, err
	}
	return store.WithIdempotencyKey(ctx, key), nil
}

// stream runs one streaming RPC: health's Watch, reflection, and what no service has.
// stopping ends them, because they would hold up a graceful stop for ever.
func (c *chain) stream(stopping context.Context) grpc.StreamServerInterceptor {
	//nolint:contextcheck // the call's context is the stream's
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
		ctx, cancel := context.WithCancel(ss.Context())
		defer cancel()
		defer context.AfterFunc(stopping, cancel)()
		defer func() {
			if v := recover(); v != nil {
				err = c.panicked(ctx, info.FullMethod, v)
			}
		}()
		err = handler(srv, &streamWithContext{ServerStream: ss, ctx: ctx})
		if err == nil {
			return nil
		}
		st, isStatus := status.FromError(err)
		switch {
		case stopping.Err() != nil && (errors.Is(err, context.Canceled) || st.Code() == codes.Canceled):
			return apierr.ErrShuttingDown.GRPCStatus().Err()
		case isStatus:
			return st.Err()
		}
		return c.translate(ctx, info.FullMethod, err) //nolint:contextcheck // as above
	}
}

type streamWithContext struct {
	grpc.ServerStream
	ctx context.Context // a stream is where gRPC keeps it
}

func (s *streamWithContext) Context() context.Context { return s.ctx }

// unknown answers what no service has. Without it such calls would not be logged.
func unknown(any, grpc.ServerStream) error { return errUnknownMethod.GRPCStatus().Err() }
