package apierr_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/apierr"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

var (
	errTaken = apierr.New(codes.AlreadyExists, errorsv1.Reason_REASON_USERNAME_TAKEN, "another user has this username")
	errCause = &fs.PathError{Op: "open", Path: "/secret/path", Err: syscall.EACCES}
)

// peerStatus is what a service of the board answers another.
func peerStatus(t *testing.T) *status.Status {
	t.Helper()
	st, err := status.New(codes.NotFound, "there is no such user").WithDetails(
		&errdetails.ErrorInfo{Reason: "USER_NOT_FOUND", Domain: apierr.Domain, Metadata: map[string]string{"id": "7"}})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestStatus(t *testing.T) {
	peer := peerStatus(t)
	foreign, err := status.New(codes.NotFound, "/secret/path").WithDetails(
		&errdetails.ErrorInfo{Reason: "USER_NOT_FOUND", Domain: "elsewhere"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		err    error
		code   codes.Code
		reason string
		text   string // the whole message, "" where any will do
	}{
		"an error of ours":            {errTaken, codes.AlreadyExists, "USERNAME_TAKEN", "another user has this username"},
		"with a cause":                {errTaken.Because(errCause), codes.AlreadyExists, "USERNAME_TAKEN", "another user has this username"},
		"with another message":        {errTaken.Message("no"), codes.AlreadyExists, "USERNAME_TAKEN", "no"},
		"wrapped":                     {fmt.Errorf("/secret/path: %w", errTaken), codes.AlreadyExists, "USERNAME_TAKEN", "another user has this username"},
		"wrapped twice":               {fmt.Errorf("/secret: %w", fmt.Errorf("/secret/path: %w", errTaken)), codes.AlreadyExists, "USERNAME_TAKEN", "another user has this username"},
		"joined":                      {errors.Join(errCause, errTaken), codes.AlreadyExists, "USERNAME_TAKEN", "another user has this username"},
		"because of another of ours":  {errTaken.Because(apierr.ErrDeadline), codes.AlreadyExists, "USERNAME_TAKEN", ""},
		"because of a context":        {errTaken.Because(context.Canceled), codes.AlreadyExists, "USERNAME_TAKEN", ""},
		"because of a peer's":         {errTaken.Because(peer.Err()), codes.AlreadyExists, "USERNAME_TAKEN", ""},
		"joined with a context's":     {errors.Join(context.Canceled, errTaken), codes.AlreadyExists, "USERNAME_TAKEN", ""},
		"a deadline":                  {context.DeadlineExceeded, codes.DeadlineExceeded, "DEADLINE_EXCEEDED", ""},
		"a wrapped deadline":          {fmt.Errorf("/secret/path: %w", context.DeadlineExceeded), codes.DeadlineExceeded, "DEADLINE_EXCEEDED", apierr.ErrDeadline.Error()},
		"cancelled":                   {context.Canceled, codes.Canceled, "CANCELLED", ""},
		"a peer's":                    {peer.Err(), codes.NotFound, "USER_NOT_FOUND", "there is no such user"},
		"a peer's, wrapped":           {fmt.Errorf("/secret/path: %w", peer.Err()), codes.NotFound, "USER_NOT_FOUND", "there is no such user"},
		"a peer's, joined":            {errors.Join(errCause, peer.Err()), codes.NotFound, "USER_NOT_FOUND", "there is no such user"},
		"a stranger's":                {foreign.Err(), codes.Internal, "INTERNAL", apierr.ErrInternal.Error()},
		"a stranger's without detail": {status.Error(codes.Unavailable, "dial /secret/path"), codes.Internal, "INTERNAL", apierr.ErrInternal.Error()},
		"gRPC's deadline":             {status.Error(codes.DeadlineExceeded, "/secret/path"), codes.DeadlineExceeded, "DEADLINE_EXCEEDED", apierr.ErrDeadline.Error()},
		"gRPC's cancelled":            {status.Error(codes.Canceled, "/secret/path"), codes.Canceled, "CANCELLED", apierr.ErrCancelled.Error()},
		"a fault of the server's":     {errCause, codes.Internal, "INTERNAL", apierr.ErrInternal.Error()},
		"any text":                    {errors.New("/secret/path"), codes.Internal, "INTERNAL", apierr.ErrInternal.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			st := apierr.Status(c.err)
			if st.Code() != c.code || apierr.ReasonOf(st) != c.reason || (c.text != "" && st.Message() != c.text) {
				t.Errorf("Status = %v: %q, reason %s; want %v: %q, %s",
					st.Code(), st.Message(), apierr.ReasonOf(st), c.code, c.text, c.reason)
			}
			if sent := st.String() + fmt.Sprint(st.Proto()); strings.Contains(sent, "secret") {
				t.Errorf("the client would see the cause: %s", sent)
			}
		})
	}
	if st := apierr.Status(nil); st != nil {
		t.Errorf("Status(nil) = %v", st)
	}
}

func TestStatusKeepsAPeersDetails(t *testing.T) {
	peer := peerStatus(t)
	for _, err := range []error{peer.Err(), fmt.Errorf("asking: %w", peer.Err())} {
		if got := apierr.Status(err); !proto.Equal(got.Proto(), peer.Proto()) {
			t.Errorf("Status = %v, want %v", got.Proto(), peer.Proto())
		}
	}
}

func TestDetails(t *testing.T) {
	err := errTaken.With("service", "users").With("id", "7").
		WithField("username", "is taken").WithField("name", "is empty").Because(errCause)
	st := apierr.Status(err)
	if len(st.Details()) != 2 {
		t.Fatalf("the details are %v", st.Details())
	}
	info, ok := st.Details()[0].(*errdetails.ErrorInfo)
	if !ok || info.GetReason() != "USERNAME_TAKEN" || info.GetDomain() != "splitboard" ||
		len(info.GetMetadata()) != 2 || info.GetMetadata()["service"] != "users" || info.GetMetadata()["id"] != "7" {
		t.Errorf("the first detail is %v", st.Details()[0])
	}
	bad, ok := st.Details()[1].(*errdetails.BadRequest)
	if !ok || len(bad.GetFieldViolations()) != 2 {
		t.Fatalf("the second detail is %v", st.Details()[1])
	}
	for i, want := range []*errdetails.BadRequest_FieldViolation{
		{Field: "username", Description: "is taken", Reason: "USERNAME_TAKEN"},
		{Field: "name", Description: "is empty", Reason: "USERNAME_TAKEN"},
	} {
		if got := bad.GetFieldViolations()[i]; !proto.Equal(got, want) {
			t.Errorf("violation %d is %v, want %v", i, got, want)
		}
	}
	if got := len(apierr.Status(errTaken).Details()); got != 1 {
		t.Errorf("without violations there are %d details, want the reason alone", got)
	}
}

func TestSentinelsAreNeverChanged(t *testing.T) {
	before := errTaken.GRPCStatus().Proto()
	one := errTaken.With("a", "1").WithField("x", "one")
	two := one.With("b", "2").WithField("y", "two").Message("other").Because(errCause)
	three := one.With("b", "3").WithField("z", "three")
	if got := errTaken.GRPCStatus().Proto(); !proto.Equal(got, before) || errTaken.Unwrap() != nil {
		t.Errorf("the sentinel has become %v", got)
	}
	for e, want := range map[*apierr.Error]string{
		one:   "another user has this username; x: one",
		two:   "other; x: one; y: two: open /secret/path: permission denied",
		three: "another user has this username; x: one; z: three",
	} {
		if e.Error() != want {
			t.Errorf("an error that was made of it says %q, want %q", e.Error(), want)
		}
	}
}

func TestIs(t *testing.T) {
	err := fmt.Errorf("creating: %w", errTaken.WithField("username", "is taken").Because(errCause))
	for target, want := range map[error]bool{
		errTaken:                true,
		errTaken.Message("x"):   true,
		errCause:                true,
		syscall.EACCES:          true,
		fs.ErrPermission:        true,
		apierr.ErrInternal:      false,
		apierr.ErrInvalidField:  false,
		context.Canceled:        false,
		fs.ErrNotExist:          false,
		errors.New("elsewhere"): false,
	} {
		if errors.Is(err, target) != want {
			t.Errorf("errors.Is(err, %v) = %t", target, !want)
		}
	}
	if e, ok := errors.AsType[*apierr.Error](err); !ok || e.Reason() != errorsv1.Reason_REASON_USERNAME_TAKEN {
		t.Errorf("AsType = %v, %t", e, ok)
	}
}

// A detail that cannot be sent must not hide that something failed.
func TestADetailThatCannotBeSent(t *testing.T) {
	for _, err := range []error{errTaken.With("name", "\xff"), errTaken.WithField("name", "\xff")} {
		if st := apierr.Status(err); st.Code() != codes.Internal || strings.Contains(st.String(), "\xff") {
			t.Errorf("Status = %v", st)
		}
	}
}

func TestReasonNames(t *testing.T) {
	for number, name := range errorsv1.Reason_name {
		if got := apierr.ReasonName(errorsv1.Reason(number)); "REASON_"+got != name {
			t.Errorf("the reason %s is sent as %q", name, got)
		}
	}
	for _, st := range []*status.Status{nil, status.New(codes.Internal, "")} {
		if got := apierr.ReasonOf(st); got != "" {
			t.Errorf("ReasonOf(%v) = %q", st, got)
		}
	}
}
