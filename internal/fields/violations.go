package fields

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/splitboard/splitboard/internal/apierr"
)

// maxViolations is more than any resource has fields. A mask can name any number, and
// what is wrong with a request has to fit into gRPC's trailers.
const maxViolations = 32

// Violations gathers what is wrong with a request. The zero value is ready.
type Violations struct {
	err *apierr.Error
	n   int
}

// Add records a violation of field, which is named as JSON names it. Beyond the first
// few dozen they are not told any more.
func (v *Violations) Add(field, format string, args ...any) {
	if v.n++; v.n > maxViolations {
		return
	}
	if v.err == nil {
		v.err = apierr.ErrInvalidField
	}
	v.err = v.err.WithField(field, fmt.Sprintf(format, args...))
}

// Err gives nil, or apierr.ErrInvalidField with all that was recorded.
func (v *Violations) Err() error {
	if v.err == nil {
		return nil
	}
	return v.err
}

// ID records a violation unless id is at least 1.
func (v *Violations) ID(field string, id int64) {
	if id < 1 {
		v.Add(field, "must be at least 1")
	}
}

// Line records a violation unless s is one line of least to most Unicode code points
// without control characters.
func (v *Violations) Line(field, s string, least, most int) {
	v.text(field, s, least, most, func(rune) bool { return false }, "must have no control characters")
}

// Text records a violation unless s has least to most Unicode code points and no control
// characters but newline and tab.
func (v *Violations) Text(field, s string, least, most int) {
	v.text(field, s, least, most, func(r rune) bool { return r == '\n' || r == '\t' },
		"must have no control characters but newline and tab")
}

func (v *Violations) text(field, s string, least, most int, allowed func(rune) bool, rule string) {
	if n := utf8.RuneCountInString(s); n < least || n > most {
		if least == 0 {
			v.Add(field, "must have at most %d characters, has %d", most, n)
		} else {
			v.Add(field, "must have %d to %d characters, has %d", least, most, n)
		}
	}
	if !utf8.ValidString(s) {
		v.Add(field, "must be valid UTF-8")
		return
	}
	for _, r := range s {
		if unicode.IsControl(r) && !allowed(r) {
			v.Add(field, "%s, has U+%04X", rule, r)
			return
		}
	}
}
