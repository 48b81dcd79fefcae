package boardtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// wantFailure checks that an RPC failed for the reason and named the fields, in any order.
func wantFailure(t *testing.T, err error, reason string, fields ...string) {
	t.Helper()
	if problem := failureProblem(err, reason, fields); problem != nil {
		t.Error(problem)
	}
}

func failureProblem(err error, reason string, fields []string) error {
	if err == nil {
		return fmt.Errorf("there is no error, want %s", reason)
	}
	st, ok := status.FromError(err)
	if !ok {
		return fmt.Errorf("want %s, the error is: %w", reason, err)
	}
	var gotReason, domain string
	var gotFields []string
	sentences := []string{st.Message()}
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			gotReason, domain = d.GetReason(), d.GetDomain()
		case *errdetails.BadRequest:
			for _, violation := range d.GetFieldViolations() {
				gotFields = append(gotFields, violation.GetField())
				sentences = append(sentences, violation.GetDescription())
				if violation.GetReason() != reason {
					return fmt.Errorf("the violation of %s has reason %q, want %s", violation.GetField(), violation.GetReason(), reason)
				}
			}
		default:
			return fmt.Errorf("a detail of type %T", detail)
		}
	}
	if gotReason != reason || domain != "splitboard" || st.Code() != outcomes[reason].code {
		return fmt.Errorf("%v with reason %q of %q, want %s: %w", st.Code(), gotReason, domain, reason, err)
	}
	if err := sameFields(gotFields, fields); err != nil {
		return err
	}
	return checkSentences(sentences)
}

// wantEqual compares messages.
func wantEqual(t *testing.T, what string, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("%s is\n%v, want\n%v", what, got, want)
	}
}

// wantStamps checks what the server sets on a new object.
func wantStamps(t *testing.T, id int64, created, updated *timestamppb.Timestamp, etag string) {
	t.Helper()
	if id < 1 {
		t.Errorf("the id is %d", id)
	}
	if created.CheckValid() != nil || created.GetSeconds() == 0 || created.GetNanos()%1e6 != 0 || !proto.Equal(created, updated) {
		t.Errorf("created at %v, updated at %v", created, updated)
	}
	wantTag(t, etag, "")
}

// wantTag checks the form of an etag: quotes, and base 36 between them.
func wantTag(t *testing.T, etag, prefix string) {
	t.Helper()
	opaque, ok := strings.CutPrefix(etag, prefix+`"`)
	opaque, end := strings.CutSuffix(opaque, `"`)
	if !ok || !end || opaque == "" || strings.Trim(opaque, "0123456789abcdefghijklmnopqrstuvwxyz") != "" {
		t.Errorf("the etag is %q", etag)
	}
}

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

// withKeys gives a context whose calls carry the idempotency keys.
func withKeys(t *testing.T, keys ...string) context.Context {
	t.Helper()
	md := metadata.MD{"idempotency-key": keys}
	return metadata.NewOutgoingContext(deadline(t), md)
}
