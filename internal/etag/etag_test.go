package etag_test

import (
	"errors"
	"math"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/etag"
)

func TestTags(t *testing.T) {
	for sequence, want := range map[uint64]string{
		0: `"0"`, 1: `"1"`, 35: `"z"`, 36: `"10"`, 100: `"2s"`, math.MaxUint64: `"3w5e11264sgsf"`,
	} {
		if got := etag.Strong(sequence); got != want {
			t.Errorf("Strong(%d) = %s, want %s", sequence, got, want)
		}
		if got := etag.Weak(sequence); got != "W/"+want {
			t.Errorf("Weak(%d) = %s, want W/%s", sequence, got, want)
		}
	}
}

func TestGuard(t *testing.T) {
	for _, c := range []struct {
		want, current string
		ok            bool
	}{
		{"", `"1"`, true},
		{`"1"`, `"1"`, true},
		{"", "", true},
		{`"1"`, `"2"`, false},
		{`"1"`, "", false},
		{`1`, `"1"`, false},
		{`W/"1"`, `"1"`, false},
		{`"Z"`, `"z"`, false},
		{` "1"`, `"1"`, false},
		{"*", `"1"`, false}, // what `*` means, the REST face says
	} {
		err := etag.Guard(c.want, c.current)
		if (err == nil) != c.ok || (!c.ok && !errors.Is(err, etag.ErrMismatch)) {
			t.Errorf("Guard(%s, %s) = %v, want ErrMismatch: %t", c.want, c.current, err, !c.ok)
		}
	}
	if st := apierr.Status(etag.ErrMismatch); st.Code() != codes.Aborted || apierr.ReasonOf(st) != "ETAG_MISMATCH" {
		t.Errorf("ErrMismatch is sent as %v", st)
	}
}
