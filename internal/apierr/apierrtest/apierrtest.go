// Package apierrtest reads errors in tests as a client would.
package apierrtest

import (
	"slices"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/splitboard/splitboard/internal/apierr"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// Want fails the test unless err, as a client sees it, has the reason and exactly these
// violated fields, in any order. The reason REASON_UNSPECIFIED stands for no error.
func Want(tb testing.TB, err error, reason errorsv1.Reason, fields ...string) {
	tb.Helper()
	if reason == errorsv1.Reason_REASON_UNSPECIFIED {
		if err != nil {
			tb.Errorf("error %v, want none", err)
		}
		return
	}
	st := apierr.Status(err)
	if got := apierr.ReasonOf(st); got != apierr.ReasonName(reason) {
		tb.Errorf("error %v has the reason %q, want %q", err, got, apierr.ReasonName(reason))
	}
	var got []string
	for _, d := range st.Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				got = append(got, v.GetField())
			}
		}
	}
	slices.Sort(got)
	slices.Sort(fields)
	if !slices.Equal(slices.Compact(got), fields) {
		tb.Errorf("error %v violates the fields %v, want %v", err, got, fields)
	}
}
