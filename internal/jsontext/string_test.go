package jsontext_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/splitboard/splitboard/internal/jsontext"
)

func TestAppendString(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                   `""`,
		"plain, and longer than 8":           `"plain, and longer than 8"`,
		"\"\\/":                              `"\"\\/"`,
		"\b\f\n\r\t":                         `"\b\f\n\r\t"`,
		"\x00\x1f\u007f":                     "\"\\u0000\\u001f\u007f\"",
		"é𝄞\u2028<&>":                        "\"é𝄞\u2028<&>\"",
		"seven..\n and an escape on the 8th": `"seven..\n and an escape on the 8th"`,

		"a\xffb":                      "\"a\uFFFDb\"",
		"\xed\xa0\x80":                `"` + strings.Repeat("\uFFFD", 3) + `"`, // a surrogate
		"long enough for 8\xc3":       "\"long enough for 8\uFFFD\"",
		"\xc3\xa9 and more, \"quoted": `"é and more, \"quoted"`,
	} {
		if got := string(jsontext.AppendString([]byte("before "), in)); got != "before "+want {
			t.Errorf("%q became %s, want before %s", in, got, want)
		}
	}
}

func TestEveryStringReadsBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z"\\\n\x00é]*`)).Draw(t, "in")
		got := jsontext.AppendString(nil, in)
		var back string
		if err := json.Unmarshal(got, &back); err != nil || back != strings.ToValidUTF8(in, "\uFFFD") || !utf8.Valid(got) {
			t.Errorf("%q became %s, which reads as %q: %v", in, got, back, err)
		}
	})
}
