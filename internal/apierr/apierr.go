package apierr

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// Domain is the domain of every ErrorInfo that the board sends.
const Domain = "splitboard"

// An Error is a failure that a client may see. Its methods return changed
// copies, so a sentinel can be shared.
type Error struct {
	code       codes.Code
	reason     errorsv1.Reason
	message    string
	metadata   map[string]string
	violations []*errdetails.BadRequest_FieldViolation
	cause      error
}

// New returns a sentinel. The message is sent to clients: a whole sentence
// without a period, saying what is wrong and, where it helps, what to do.
func New(code codes.Code, reason errorsv1.Reason, message string) *Error {
	return &Error{code: code, reason: reason, message: message}
}

// Errors that any part of the board may meet.
var (
	// ErrInvalidField says that fields break their rules; the violations name them.
	ErrInvalidField = New(codes.InvalidArgument, errorsv1.Reason_REASON_INVALID_FIELD, "the request has invalid fields")
	// ErrDeadline says that the request's time ran out.
	ErrDeadline = New(codes.DeadlineExceeded, errorsv1.Reason_REASON_DEADLINE_EXCEEDED, "the time for this request ran out")
	// ErrCancelled says that the client went away.
	ErrCancelled = New(codes.Canceled, errorsv1.Reason_REASON_CANCELLED, "the request was cancelled")
	// ErrInternal stands for every fault of the server's own.
	ErrInternal = New(codes.Internal, errorsv1.Reason_REASON_INTERNAL, "internal error; the server's log has the cause")
	// ErrOverloaded says that the process is at one of its limits.
	ErrOverloaded = New(codes.ResourceExhausted, errorsv1.Reason_REASON_OVERLOADED, "the server is at its limit; try again later")
	// ErrShuttingDown says that the process is stopping.
	ErrShuttingDown = New(codes.Unavailable, errorsv1.Reason_REASON_SHUTTING_DOWN, "the server is stopping; try again")
)

// Error gives the message and, for the log, the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.message)
	for _, v := range e.violations {
		b.WriteString("; " + v.GetField() + ": " + v.GetDescription())
	}
	if e.cause != nil {
		b.WriteString(": " + e.cause.Error())
	}
	return b.String()
}

// Unwrap gives the cause, which is never sent.
func (e *Error) Unwrap() error { return e.cause }

// Is tells whether target is an Error with the same reason.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.reason == e.reason
}

// Reason gives the error's reason.
func (e *Error) Reason() errorsv1.Reason { return e.reason }

// Message returns the error with another sentence for the client.
func (e *Error) Message(message string) *Error {
	c := *e
	c.message = message
	return &c
}

// With returns the error with one more entry of ErrorInfo metadata.
func (e *Error) With(key, value string) *Error {
	c := *e
	c.metadata = maps.Clone(e.metadata)
	if c.metadata == nil {
		c.metadata = make(map[string]string, 1)
	}
	c.metadata[key] = value
	return &c
}

// WithField returns the error with one more violated field.
func (e *Error) WithField(field, description string) *Error {
	c := *e
	c.violations = append(slices.Clone(e.violations), &errdetails.BadRequest_FieldViolation{
		Field: field, Description: description, Reason: ReasonName(e.reason),
	})
	return &c
}

// Because returns the error with the cause that the log shall show.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// GRPCStatus gives what is sent. It makes an Error work with [status.FromError].
func (e *Error) GRPCStatus() *status.Status {
	st := status.New(e.code, e.message)
	info := &errdetails.ErrorInfo{Reason: ReasonName(e.reason), Domain: Domain, Metadata: e.metadata}
	var err error
	if len(e.violations) == 0 {
		st, err = st.WithDetails(info)
	} else {
		st, err = st.WithDetails(info, &errdetails.BadRequest{FieldViolations: e.violations})
	}
	if err != nil {
		// Only a detail that is no valid UTF-8 fails to marshal.
		return status.New(codes.Internal, ErrInternal.message)
	}
	return st
}

// ReasonName gives a reason as ErrorInfo has it: without the enum's prefix.
func ReasonName(r errorsv1.Reason) string {
	return strings.TrimPrefix(r.String(), "REASON_")
}

// Status gives what is sent for err, and nil for nil: an Error as it says, the end of
// a context as ErrDeadline or ErrCancelled, a status (one from a peer) as it
// is if it carries details of ours, and anything else as ErrInternal.
func Status(err error) *status.Status {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.GRPCStatus()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return ErrDeadline.GRPCStatus()
	case errors.Is(err, context.Canceled):
		return ErrCancelled.GRPCStatus()
	}
	// status.FromError would put the text of what wraps a status into its message.
	if s, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err); ok {
		st := s.GRPCStatus()
		if ReasonOf(st) != "" {
			return st
		}
		switch st.Code() {
		case codes.DeadlineExceeded:
			return ErrDeadline.GRPCStatus()
		case codes.Canceled:
			return ErrCancelled.GRPCStatus()
		}
	}
	return ErrInternal.GRPCStatus()
}

// ReasonOf gives the reason in a status's ErrorInfo, or "" if it has none of the
// board's.
func ReasonOf(st *status.Status) string {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			return info.GetReason()
		}
	}
	return ""
}
