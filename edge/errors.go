package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/observe"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// Errors that only the REST face has.
var (
	errPath = apierr.New(codes.NotFound, errorsv1.Reason_REASON_PATH_NOT_FOUND,
		"there is nothing at this path")
	errMethod = apierr.New(codes.Unimplemented, errorsv1.Reason_REASON_METHOD_NOT_ALLOWED,
		"this path does not take this method; the header Allow names those it takes")
	errID = apierr.New(codes.InvalidArgument, errorsv1.Reason_REASON_INVALID_ID,
		"an id in a path is a number from 1 to 9223372036854775807, without sign or leading zeros")
	errBody = apierr.New(codes.InvalidArgument, errorsv1.Reason_REASON_INVALID_BODY,
		"the body does not have the right fields")
	errBodyTooLarge = apierr.New(codes.ResourceExhausted, errorsv1.Reason_REASON_BODY_TOO_LARGE,
		"the body is over 1 MiB")
	errMediaType = apierr.New(codes.InvalidArgument, errorsv1.Reason_REASON_UNSUPPORTED_MEDIA_TYPE,
		"the body's Content-Type must be application/json, in UTF-8")
	// errUpstream says that the service behind the path could not be reached, or was lost
	// while it was at work.
	errUpstream = apierr.New(codes.Unavailable, errorsv1.Reason_REASON_PEER_UNAVAILABLE,
		"the service behind this path cannot be asked now; try again, a write with the same idempotency key")
)

// httpStatuses are those that a reason has and its code alone would not give.
var httpStatuses = map[string]int{
	apierr.ReasonName(errorsv1.Reason_REASON_ETAG_MISMATCH):          http.StatusPreconditionFailed,
	apierr.ReasonName(errorsv1.Reason_REASON_IDEMPOTENCY_KEY_REUSED): http.StatusUnprocessableEntity,
	apierr.ReasonName(errorsv1.Reason_REASON_METHOD_NOT_ALLOWED):     http.StatusMethodNotAllowed,
	apierr.ReasonName(errorsv1.Reason_REASON_UNSUPPORTED_MEDIA_TYPE): http.StatusUnsupportedMediaType,
	apierr.ReasonName(errorsv1.Reason_REASON_BODY_TOO_LARGE):         http.StatusRequestEntityTooLarge,
}

// fail answers with an error.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	st := statusOf(r, err)
	code, ok := httpStatuses[apierr.ReasonOf(st)]
	if !ok {
		code = runtime.HTTPStatusFromCode(st.Code())
	}
	if code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests {
		w.Header()["Retry-After"] = retryAfter
	}
	writeBody(w, code, jsonType, appendStatus(nil, st))
}

// statusOf gives the status to send for what a call returned. An error that is none of
// the board's own was made on the way to the service, and is logged here because no
// service has seen it.
func statusOf(r *http.Request, err error) *status.Status {
	if _, ours := errors.AsType[*apierr.Error](err); ours {
		return apierr.Status(err)
	}
	foreign, ok := status.FromError(err)
	if ok && apierr.ReasonOf(foreign) != "" {
		return foreign
	}
	if ok && foreign.Code() == codes.Unavailable {
		slog.WarnContext(r.Context(), "upstream unavailable", "method", r.Method, "path", r.URL.Path,
			"request_id", observe.RequestID(r.Context()), "error", err)
		return errUpstream.GRPCStatus()
	}
	st := apierr.Status(err)
	if st.Code() == codes.Internal {
		slog.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path,
			"request_id", observe.RequestID(r.Context()), "error", err)
	}
	return st
}

// appendStatus appends a google.rpc.Status as JSON. Failing is rare enough for protojson,
// whose random spaces are taken out.
func appendStatus(b []byte, st *status.Status) []byte {
	text, err := protojson.Marshal(st.Proto())
	if err != nil {
		// A detail of a type that this binary does not know: a newer service's.
		text, _ = protojson.Marshal(status.New(st.Code(), st.Message()).Proto())
	}
	compact := bytes.NewBuffer(b)
	_ = json.Compact(compact, text) // protojson writes valid JSON
	return compact.Bytes()
}
