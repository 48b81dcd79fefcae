package edge

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may stand in one another. Nothing that the
// board takes has any; the reader only gets past them to what comes after.
const maxDepth = 32

// scanner reads JSON (RFC 8259) from valid UTF-8. Once it has met a fault it stands
// still, and what its methods return means nothing.
type scanner struct {
	data  []byte
	pos   int
	depth int
	fault string // the first fault, or ""
	at    int    // where it is
}

func (in *scanner) fail(fault string) {
	if in.fault == "" {
		in.fault, in.at = fault, in.pos
	}
}

func (in *scanner) err() error {
	return errBody.Message(fmt.Sprintf("the body is not one JSON object: %s, at byte %d", in.fault, in.at))
}

func (in *scanner) atEnd() bool { return in.pos == len(in.data) }

// peek gives the next byte, 0 at the end and after a fault.
func (in *scanner) peek() byte {
	if in.fault != "" || in.atEnd() {
		return 0
	}
	return in.data[in.pos]
}

// take goes past the byte c, if it comes next.
func (in *scanner) take(c byte) bool {
	if in.peek() != c {
		return false
	}
	in.pos++
	return true
}

func (in *scanner) skipSpace() {
	for in.pos < len(in.data) {
		switch in.data[in.pos] {
		case ' ', '\t', '\n', '\r':
			in.pos++
		default:
			return
		}
	}
}

// members reads the members of an object, from behind its brace to behind the other one.
// It calls member at each value, which member must get past.
func (in *scanner) members(member func(in *scanner, name []byte)) {
	in.skipSpace()
	if in.take('}') {
		return
	}
	for in.fault == "" {
		in.skipSpace()
		if in.peek() != '"' {
			in.fail("a name in double quotes is missing")
			return
		}
		name := in.text()
		in.skipSpace()
		if !in.take(':') {
			in.fail("a colon is missing")
			return
		}
		in.skipSpace()
		member(in, name)
		in.skipSpace()
		if in.take('}') {
			return
		}
		if !in.take(',') {
			in.fail("a comma or a closing brace is missing")
		}
	}
}

// skipValue goes past any value.
func (in *scanner) skipValue() {
	switch c := in.peek(); {
	case c == '"':
		in.text()
	case c == '{':
		in.pos++
		in.nested(func() {
			in.members(func(in *scanner, _ []byte) { in.skipValue() })
		})
	case c == '[':
		in.pos++
		in.nested(in.skipElements)
	case c == '-' || c >= '0' && c <= '9':
		in.number()
	case c == 't':
		in.literal("true")
	case c == 'f':
		in.literal("false")
	case c == 'n':
		in.literal("null")
	default:
		in.fail("a value is missing")
	}
}

func (in *scanner) nested(read func()) {
	in.depth++
	if in.depth > maxDepth {
		in.fail("it is nested too deeply")
		return
	}
	read()
	in.depth--
}

func (in *scanner) skipElements() {
	in.skipSpace()
	if in.take(']') {
		return
	}
	for in.fault == "" {
		in.skipSpace()
		in.skipValue()
		in.skipSpace()
		if in.take(']') {
			return
		}
		if !in.take(',') {
			in.fail("a comma or a closing bracket is missing")
		}
	}
}

func (in *scanner) literal(word string) {
	end := in.pos + len(word)
	if end > len(in.data) || string(in.data[in.pos:end]) != word {
		in.fail("a value is missing")
		return
	}
	in.pos = end
}

// number goes past a number and gives its text.
func (in *scanner) number() []byte {
	start := in.pos
	in.take('-')
	if !in.take('0') && in.digits() == 0 {
		in.fail("a number is malformed")
	}
	if in.take('.') && in.digits() == 0 {
		in.fail("a number is malformed")
	}
	if in.take('e') || in.take('E') {
		if !in.take('+') {
			in.take('-')
		}
		if in.digits() == 0 {
			in.fail("a number is malformed")
		}
	}
	if c := in.peek(); c >= '0' && c <= '9' {
		in.fail("a number has a leading zero")
	}
	return in.data[start:in.pos]
}

func (in *scanner) digits() (n int) {
	for c := in.peek(); c >= '0' && c <= '9'; c = in.peek() {
		in.pos++
		n++
	}
	return n
}

// text goes past a string and gives what it says. It may share memory with the data.
func (in *scanner) text() []byte {
	in.pos++ // the quote
	start := in.pos
	for i := start; i < len(in.data); i++ {
		switch c := in.data[i]; {
		case c == '"':
			in.pos = i + 1
			return in.data[start:i]
		case c == '\\':
			in.pos = i
			return in.escapedText(append([]byte(nil), in.data[start:i]...))
		case c < ' ':
			in.pos = i
			in.fail("a string has a control character; write it as an escape")
			return nil
		}
	}
	in.pos = len(in.data)
	in.fail("a string does not end")
	return nil
}

// escapedText goes on from a string's first escape, appending to b.
func (in *scanner) escapedText(b []byte) []byte {
	for in.fault == "" {
		switch c := in.peek(); {
		case in.atEnd():
			in.fail("a string does not end")
		case c == '"':
			in.pos++
			return b
		case c == '\\':
			b = in.escape(b)
		case c < ' ':
			in.fail("a string has a control character; write it as an escape")
		default:
			b = append(b, c)
			in.pos++
		}
	}
	return nil
}

func (in *scanner) escape(b []byte) []byte {
	if in.pos+1 < len(in.data) {
		c := in.data[in.pos+1]
		switch c {
		case '"', '\\', '/':
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			return in.escapedRune(b)
		default:
			in.fail("a string has an escape that JSON does not know")
			return nil
		}
		in.pos += 2
		return append(b, c)
	}
	in.fail("a string does not end")
	return nil
}

// escapedRune reads `\uXXXX`, or two of them for a character that UTF-16 has as two.
func (in *scanner) escapedRune(b []byte) []byte {
	r := in.hex4()
	if utf16.IsSurrogate(r) {
		if r = utf16.DecodeRune(r, in.hex4()); r == utf8.RuneError {
			in.fail("a string has half of a surrogate pair")
		}
	}
	return utf8.AppendRune(b, r)
}

// hex4 goes past `\uXXXX` and gives its value.
func (in *scanner) hex4() (r rune) {
	if in.fault != "" || in.pos+6 > len(in.data) || in.data[in.pos] != '\\' || in.data[in.pos+1] != 'u' {
		in.fail("a string has half of a surrogate pair or a cut escape")
		return utf8.RuneError
	}
	for _, c := range in.data[in.pos+2 : in.pos+6] {
		r <<= 4
		switch {
		case c >= '0' && c <= '9':
			r |= rune(c - '0')
		case c >= 'a' && c <= 'f':
			r |= rune(c-'a') + 10
		case c >= 'A' && c <= 'F':
			r |= rune(c-'A') + 10
		default:
			in.fail("a string has an escape that is not of four hexadecimal digits")
			return utf8.RuneError
		}
	}
	in.pos += 6
	return r
}
