package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

// count writes a number with its thousands apart: "90,123".
func count(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// took writes how long something took, to two or three digits: "0.74 ms", "12.3 ms", "1 min 05 s".
func took(d time.Duration) string {
	switch {
	case d <= 0:
		return "0 ms"
	case d < 10*time.Microsecond:
		return digits(float64(d)/float64(time.Microsecond)) + " µs"
	case d < 999500*time.Microsecond:
		return digits(float64(d)/float64(time.Millisecond)) + " ms"
	case d < time.Minute:
		return digits(d.Seconds()) + " s"
	}
	seconds := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%s min %02d s", count(seconds/60), seconds%60)
}

// digits writes a number to two digits after the point, or one from 10, or none from 100.
func digits(f float64) string {
	switch {
	case f < 9.995:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case f < 99.95:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}

// at writes a time since the start: "12.3 s", "2:05.5".
func at(d time.Duration) string {
	tenths := max(0, int64(d.Round(100*time.Millisecond)/(100*time.Millisecond)))
	if tenths < 600 {
		return fmt.Sprintf("%d.%d s", tenths/10, tenths%10)
	}
	return fmt.Sprintf("%d:%02d.%d", tenths/600, tenths/10%60, tenths%10)
}

// short cuts an instance's id to what tells it from its neighbours.
func short(instance string) string { return cut(instance, 6, "") }

// cut shortens a text to n characters, the mark that says so included.
func cut(s string, n int, mark string) string {
	switch {
	case utf8.RuneCountInString(s) <= n:
		return s
	case n <= 0:
		return ""
	}
	keep := max(0, n-utf8.RuneCountInString(mark))
	return string([]rune(s)[:keep]) + mark
}

// plain replaces what XML cannot hold, what would move a terminal's cursor, and what
// would turn the text around it.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r&0xfffe == 0xfffe {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// clean gives the result with all of its strings plain.
func clean(r result.Result) result.Result {
	r.Title, r.Version, r.Order = plain(r.Title), plain(r.Version), plain(r.Order)
	r.Steps, r.Owners, r.Verdict.Why = slices.Clone(r.Steps), slices.Clone(r.Owners), slices.Clone(r.Verdict.Why)
	for i, s := range r.Steps {
		r.Steps[i].Name, r.Steps[i].Detail, r.Steps[i].Failed = plain(s.Name), plain(s.Detail), plain(s.Failed)
	}
	for i, o := range r.Owners {
		r.Owners[i].Store, r.Owners[i].Instance, r.Owners[i].Binary = plain(o.Store), plain(o.Instance), plain(o.Binary)
	}
	for i, why := range r.Verdict.Why {
		r.Verdict.Why[i] = plain(why)
	}
	return r
}

// inShort is the verdict in a sentence.
func inShort(r result.Result) string {
	if r.Verdict.Pass {
		return "No request failed, and no write was lost or doubled."
	}
	return strings.Join(r.Verdict.Why, "; ") + "."
}
