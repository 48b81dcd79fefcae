package edge

import (
	"slices"
	"strings"

	"github.com/splitboard/splitboard/internal/apierr"
)

// tags is the value of If-Match or If-None-Match (RFC 9110 section 13.1).
type tags struct {
	any  bool     // `*`
	list []string // with quotes, and `W/` before weak ones
}

// parseTags reads all lines of the header name: `*`, or entity tags with commas between
// them.
func parseTags(name string, lines []string) (tags, error) {
	malformed := apierr.ErrInvalidField.WithField(name, "must be `*` or entity tags with their quotes, with commas between them")
	if len(lines) == 1 && strings.Trim(lines[0], " \t") == "*" {
		return tags{any: true}, nil
	}
	var t tags
	for _, rest := range lines {
		for {
			rest = strings.TrimLeft(rest, " \t,")
			if rest == "" {
				break
			}
			n := tagLength(rest)
			if n == 0 {
				return tags{}, malformed
			}
			t.list = append(t.list, rest[:n])
			rest = strings.TrimLeft(rest[n:], " \t")
			if rest != "" && rest[0] != ',' {
				return tags{}, malformed
			}
		}
	}
	if t.list == nil {
		return tags{}, malformed
	}
	return t, nil
}

// tagLength gives the length of the entity tag that s begins with, 0 if with none.
func tagLength(s string) int {
	i := 0
	if strings.HasPrefix(s, "W/") {
		i = 2
	}
	if i == len(s) || s[i] != '"' {
		return 0
	}
	for i++; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c <= ' ' || c == 0x7F:
			return 0
		}
	}
	return 0
}

// matchWeakly compares as If-None-Match does: weak or strong makes no difference.
func (t tags) matchWeakly(etag string) bool {
	opaque := strings.TrimPrefix(etag, "W/")
	return t.any || slices.ContainsFunc(t.list, func(tag string) bool {
		return strings.TrimPrefix(tag, "W/") == opaque
	})
}

// matchStrongly compares as If-Match does: a weak tag never matches.
func (t tags) matchStrongly(etag string) bool {
	return t.any || !isWeak(etag) && slices.Contains(t.list, etag)
}

func isWeak(tag string) bool { return strings.HasPrefix(tag, "W/") }
