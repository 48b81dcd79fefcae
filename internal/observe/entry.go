package observe

import (
	"net/url"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
)

// An entry is what a line of the access log says.
type entry struct {
	end       time.Time
	grpc      bool
	method    string
	path      string
	escaped   bool       // path is percent-encoded already
	status    int        // over HTTP
	code      codes.Code // over gRPC
	bytes     int64
	duration  time.Duration
	requestID string
	remote    string
}

// maxPath and maxMethod bound what a client can write into a line.
const (
	maxPath   = 1024
	maxMethod = 32
)

func (e *entry) appendText(b []byte) []byte {
	b = append(b, "time="...)
	b = appendTime(b, e.end)
	if e.grpc {
		b = append(b, " level=INFO msg=request protocol=grpc method="...)
	} else {
		b = append(b, " level=INFO msg=request protocol=http method="...)
	}
	b = append(b, clip(e.method, maxMethod)...)
	b = append(b, " path="...)
	b = appendPath(b, e.path, e.escaped)
	if e.grpc {
		b = append(b, " code="...)
		b = append(b, e.code.String()...)
	} else {
		b = append(b, " status="...)
		b = strconv.AppendInt(b, int64(e.status), 10)
	}
	b = append(b, " bytes="...)
	b = strconv.AppendInt(b, e.bytes, 10)
	b = append(b, " duration_us="...)
	b = strconv.AppendInt(b, e.duration.Microseconds(), 10)
	b = append(b, " request_id="...)
	if plain(e.requestID) {
		b = append(b, e.requestID...)
	} else {
		b = strconv.AppendQuote(b, e.requestID)
	}
	b = append(b, " remote="...)
	b = append(b, e.remote...)
	return append(b, '\n')
}

func (e *entry) appendJSON(b []byte) []byte {
	b = append(b, `{"time":"`...)
	b = appendTime(b, e.end)
	if e.grpc {
		b = append(b, `","level":"INFO","msg":"request","protocol":"grpc","method":"`...)
	} else {
		b = append(b, `","level":"INFO","msg":"request","protocol":"http","method":"`...)
	}
	b = append(b, clip(e.method, maxMethod)...)
	b = append(b, `","path":"`...)
	b = appendPath(b, e.path, e.escaped)
	if e.grpc {
		// Another name than over HTTP: log stores want one type for a name.
		b = append(b, `","code":"`...)
		b = append(b, e.code.String()...)
		b = append(b, '"')
	} else {
		b = append(b, `","status":`...)
		b = strconv.AppendInt(b, int64(e.status), 10)
	}
	b = append(b, `,"bytes":`...)
	b = strconv.AppendInt(b, e.bytes, 10)
	b = append(b, `,"duration_us":`...)
	b = strconv.AppendInt(b, e.duration.Microseconds(), 10)
	b = append(b, `,"request_id":`...)
	if plain(e.requestID) {
		b = append(b, '"')
		b = append(b, e.requestID...)
		b = append(b, '"')
	} else {
		// An id is visible ASCII, for which Go's quoting is JSON's.
		b = strconv.AppendQuote(b, e.requestID)
	}
	b = append(b, `,"remote":"`...)
	b = append(b, e.remote...)
	return append(b, "\"}\n"...)
}

// appendTime writes RFC 3339 in UTC with milliseconds.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	b = t.AppendFormat(b, time.RFC3339)
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(b[:len(b)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z') //nolint:gosec // digits
}

// loggedPath gives a URL's path as it was sent, and whether it is percent-encoded.
// The query is left out: it may hold page tokens.
func loggedPath(u *url.URL) (path string, escaped bool) {
	if u.RawPath == "" {
		return u.Path, false
	}
	return u.EscapedPath(), true
}

// safe has the bytes that stand for themselves in a logged path: visible ASCII but
// for what could end a value or start an escape.
var safe = func() (t [256]bool) {
	for c := 0x21; c <= 0x7e; c++ {
		t[c] = c != '"' && c != '\\' && c != '%'
	}
	return t
}()

// appendPath writes a path percent-encoded, so that nothing that a client sends can
// end a line or a value.
func appendPath(b []byte, path string, escaped bool) []byte {
	const digits = "0123456789ABCDEF"
	shown := clip(path, maxPath)
	for i := range len(shown) {
		c := shown[i]
		if safe[c] || c == '%' && escaped {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	if len(shown) < len(path) {
		b = append(b, "..."...)
	}
	return b
}

func clip(s string, n int) string { return s[:min(len(s), n)] }

// plain tells whether an id, which is visible ASCII, stands for itself in both formats.
func plain(id string) bool {
	for i := range len(id) {
		if c := id[i]; c == '"' || c == '\\' || c == '=' {
			return false
		}
	}
	return true
}
