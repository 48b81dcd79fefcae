package fields_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/apierr/apierrtest"
	"github.com/splitboard/splitboard/internal/fields"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// descriptions gives what a client is told of each violation.
func descriptions(v *fields.Violations) (all []string) {
	for _, d := range apierr.Status(v.Err()).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, f := range bad.GetFieldViolations() {
				all = append(all, f.GetField()+" "+f.GetDescription())
			}
		}
	}
	return all
}

func TestNoViolationIsNoError(t *testing.T) {
	var v fields.Violations
	v.ID("id", 1)
	v.Line("name", "Ada", 1, 100)
	v.Text("bio", "", 0, 1000)
	// The error must be nil as an interface, too.
	if err := v.Err(); err != nil {
		t.Errorf("Err = %v", err)
	}
}

func TestAllViolationsAreNamedAtOnce(t *testing.T) {
	var v fields.Violations
	v.ID("id", 0)
	v.Line("name", "", 1, 100)
	v.Add("username", "has %d faults", 2)
	v.Text("bio", strings.Repeat("x", 1001)+"\x00", 0, 1000)
	err := v.Err()
	if !errors.Is(err, apierr.ErrInvalidField) || apierr.Status(err).Code() != codes.InvalidArgument {
		t.Errorf("Err = %v, want ErrInvalidField", err)
	}
	apierrtest.Want(t, err, errorsv1.Reason_REASON_INVALID_FIELD, "id", "name", "username", "bio")
	want := []string{
		"id must be at least 1",
		"name must have 1 to 100 characters, has 0",
		"username has 2 faults",
		"bio must have at most 1000 characters, has 1002",
		"bio must have no control characters but newline and tab, has U+0000",
	}
	if got := descriptions(&v); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the client is told\n%q\nwant\n%q", got, want)
	}
	if got := len(apierr.Status(apierr.ErrInvalidField).Details()); got != 1 {
		t.Error("the sentinel has kept violations")
	}
}

func TestID(t *testing.T) {
	for id, ok := range map[int64]bool{1: true, 1<<63 - 1: true, 0: false, -1: false, -1 << 63: false} {
		var v fields.Violations
		if v.ID("id", id); (v.Err() == nil) != ok {
			t.Errorf("id %d: %v", id, v.Err())
		}
	}
}

func TestText(t *testing.T) {
	const both, neither, textOnly = "both", "neither", "text"
	for name, c := range map[string]struct {
		s       string
		allowed string // 2 to 5 characters, as a line and as a text
	}{
		"too short":                      {"a", neither},
		"empty":                          {"", neither},
		"least":                          {"ab", both},
		"most":                           {"abcde", both},
		"too long":                       {"abcdef", neither},
		"code points, not bytes":         {"äöüßé", both},
		"beyond the basic plane":         {"😀😀😀😀😀", both},
		"too many beyond it":             {"😀😀😀😀😀😀", neither},
		"one code point":                 {"😀", neither},
		"a combined character is two":    {"e\u0301", both},
		"newline":                        {"a\nb", textOnly},
		"tab":                            {"a\tb", textOnly},
		"carriage return":                {"a\r\nb", neither},
		"null":                           {"a\x00b", neither},
		"escape":                         {"a\x1bb", neither},
		"delete":                         {"a\x7fb", neither},
		"the first above ASCII":          {"a\u0080b", neither},
		"next line":                      {"a\u0085b", neither},
		"the last control character":     {"a\u009fb", neither},
		"the first after them":           {"a\u00a0b", both},
		"zero width joiner":              {"a\u200db", both},
		"the replacement character":      {"a\ufffdb", both},
		"the last code point":            {"a\U0010ffffb", both},
		"invalid UTF-8":                  {"a\xffb", neither},
		"a cut character":                {"a\xc3", neither},
		"a surrogate":                    {"a\xed\xa0\x80", neither},
		"an overlong null":               {"a\xc0\x80", neither},
		"only spaces":                    {"   ", both},
		"a newline that makes it enough": {"a\n", textOnly},
	} {
		var line, text fields.Violations
		line.Line("f", c.s, 2, 5)
		text.Text("f", c.s, 2, 5)
		if got := line.Err() == nil; got != (c.allowed == both) {
			t.Errorf("%s: Line takes %q: %t", name, c.s, got)
		}
		if got := text.Err() == nil; got != (c.allowed == both || c.allowed == textOnly) {
			t.Errorf("%s: Text takes %q: %t", name, c.s, got)
		}
	}
}

func TestControlCharactersAreNamedOnce(t *testing.T) {
	var v fields.Violations
	v.Line("f", strings.Repeat("\x01", 50), 1, 100)
	if got := descriptions(&v); len(got) != 1 || got[0] != "f must have no control characters, has U+0001" {
		t.Errorf("the client is told %q", got)
	}
}

// What is sent fits into gRPC's trailers, however much is wrong with a request.
func TestViolationsAreBounded(t *testing.T) {
	var v fields.Violations
	for range 100_000 {
		v.Add("updateMask", "is wrong")
	}
	if got := len(descriptions(&v)); got < 10 || got > 100 {
		t.Errorf("%d violations are sent", got)
	}
	if got := proto.Size(apierr.Status(v.Err()).Proto()); got > 8<<10 {
		t.Errorf("the status has %d bytes", got)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a", "abcde", "abcdef", "😀", "a\nb", "a\tb", "\x00", "\u0085", "\xff", "\xed\xa0\x80", "\ufffd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var line, text fields.Violations
		line.Line("f", s, 1, 5)
		text.Text("f", s, 1, 5)
		good := utf8.ValidString(s) && len([]rune(s)) >= 1 && len([]rune(s)) <= 5
		breaks := strings.ContainsAny(s, "\n\t")
		others := strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' })
		if got, want := line.Err() == nil, good && !breaks && !others; got != want {
			t.Errorf("Line takes %q: %t, want %t", s, got, want)
		}
		if got, want := text.Err() == nil, good && !others; got != want {
			t.Errorf("Text takes %q: %t, want %t", s, got, want)
		}
		if err := line.Err(); err != nil {
			apierrtest.Want(t, err, errorsv1.Reason_REASON_INVALID_FIELD, "f")
		}
	})
}
