package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
	"github.com/splitboard/splitboard/internal/apierr"
)

// The HTTP statuses stand in the comments of reason.proto.
func TestErrorsOfServices(t *testing.T) {
	var log strings.Builder
	quiet := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(quiet)
	foreign := func(code codes.Code) error { return status.Error(code, "dial unix /data/users/x.sock") }
	for _, c := range []struct {
		err    error
		code   int
		reason string
		logged bool // else the service's process has logged it, or nobody needs to
	}{
		{apierr.New(codes.NotFound, errorsv1.Reason_REASON_USER_NOT_FOUND, "no"), 404, "USER_NOT_FOUND", false},
		{apierr.New(codes.AlreadyExists, errorsv1.Reason_REASON_USERNAME_TAKEN, "no"), 409, "USERNAME_TAKEN", false},
		{apierr.New(codes.Aborted, errorsv1.Reason_REASON_ETAG_MISMATCH, "no"), 412, "ETAG_MISMATCH", false},
		{apierr.New(codes.FailedPrecondition, errorsv1.Reason_REASON_IDEMPOTENCY_KEY_REUSED, "no"), 422, "IDEMPOTENCY_KEY_REUSED", false},
		{apierr.New(codes.FailedPrecondition, errorsv1.Reason_REASON_REFERENCE_NOT_FOUND, "no"), 400, "REFERENCE_NOT_FOUND", false},
		{apierr.New(codes.InvalidArgument, errorsv1.Reason_REASON_INVALID_PAGE_TOKEN, "no"), 400, "INVALID_PAGE_TOKEN", false},
		{apierr.New(codes.Unavailable, errorsv1.Reason_REASON_STORE_FULL, "no"), 503, "STORE_FULL", false},
		{apierr.ErrInvalidField.WithField("name", "no"), 400, "INVALID_FIELD", false},
		{apierr.ErrShuttingDown, 503, "SHUTTING_DOWN", false},
		{apierr.ErrOverloaded, 429, "OVERLOADED", false},
		{apierr.ErrDeadline, 504, "DEADLINE_EXCEEDED", false},
		{apierr.ErrCancelled, 499, "CANCELLED", false},
		{apierr.ErrInternal, 500, "INTERNAL", false},
		{errors.New("open /data/users/store.db: disk on fire"), 500, "INTERNAL", false},
		{context.DeadlineExceeded, 504, "DEADLINE_EXCEEDED", false},
		{foreign(codes.Unavailable), 503, "PEER_UNAVAILABLE", true},
		{foreign(codes.DeadlineExceeded), 504, "DEADLINE_EXCEEDED", false},
		{foreign(codes.Canceled), 499, "CANCELLED", false},
		{foreign(codes.Unimplemented), 500, "INTERNAL", true},
		{foreign(codes.Unknown), 500, "INTERNAL", true},
		{foreign(codes.InvalidArgument), 500, "INTERNAL", true},
	} {
		for _, r := range [][3]string{
			{"GET", "/api/users/5", ""},
			{"GET", "/api/posts/in-thread/6", ""},
			{"POST", "/api/users", `{}`},
			{"PATCH", "/api/threads/6", `{}`},
			{"DELETE", "/api/posts/7", ""},
		} {
			board := newFakeBoard()
			board.err = c.err
			w := do(board.face(), r[0], r[1], r[2])
			wantReason(t, w, c.code, c.reason)
			retry := ""
			if c.code == http.StatusServiceUnavailable || c.code == http.StatusTooManyRequests {
				retry = "1"
			}
			wantAnswer(t, w, c.code, "", "Retry-After", retry, "ETag", "", "Location", "", "Grpc-Metadata-Secret", "")
			if strings.Contains(w.Body.String(), "/data") {
				t.Errorf("a cause is sent: %s", w.Body)
			}
			if logged := strings.Contains(log.String(), "/data"); logged != c.logged {
				t.Errorf("%v: the log has %q", c.err, log.String())
			}
			log.Reset()
		}
	}
}

func TestErrorsAreCompactJSON(t *testing.T) {
	t.Parallel()
	board := newFakeBoard()
	board.err = apierr.New(codes.FailedPrecondition, errorsv1.Reason_REASON_REFERENCE_NOT_FOUND, "it does not exist").With("service", "users").WithField("user", "does not exist")
	wantAnswer(t, do(board.face(), http.MethodPost, "/api/posts", `{}`), http.StatusBadRequest,
		`{"code":9,"message":"it does not exist","details":[`+
			`{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"REFERENCE_NOT_FOUND","domain":"splitboard","metadata":{"service":"users"}},`+
			`{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"user","description":"does not exist","reason":"REFERENCE_NOT_FOUND"}]}]}`)
}

// An unknown detail, as a newer service might send, costs the details and not the error.
func TestErrorsWithUnknownDetails(t *testing.T) {
	t.Parallel()
	p := apierr.ErrOverloaded.GRPCStatus().Proto()
	p.Details[0].TypeUrl = "type.googleapis.com/splitboard.future.v1.Detail"
	if got := string(appendStatus(nil, status.FromProto(p))); got != `{"code":8,"message":"`+p.GetMessage()+`"}` {
		t.Errorf("got %s", got)
	}
}
