package balancer

import (
	"bufio"
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// Limits of a request's or an answer's head, as the ALB has them; a line has at most
// readBuffer.
const maxHead = 64 << 10

// errHead is a head that is malformed, ambiguous or too large.
var errHead = errors.New("malformed head")

// A head is the first line and the header of a request or an answer. It is used again
// for the next one, whose bytes overwrite this one's.
type head struct {
	raw    []byte
	line   []byte   // the first line
	fields [][]byte // those that are passed on, each with its line end

	length  int64 // of the body, by Content-Length; -1 if there is none
	chunked bool
	close   bool // the sender closes the connection, or wants it closed
	expect  bool // the sender waits for 100 Continue

	lengthField []byte
}

// read reads a head. It returns io.EOF if there was nothing to read, and errHead.
func (h *head) read(r *bufio.Reader) error {
	h.raw, h.fields = h.raw[:0], h.fields[:0]
	h.length, h.chunked, h.close, h.expect, h.lengthField = -1, false, false, false, nil
	first := 0 // the length of the first line
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) || len(h.raw)+len(line) > maxHead {
			return errHead
		}
		if err != nil {
			return unexpected(err, len(h.raw)+len(line))
		}
		if !bytes.HasSuffix(line, crlf) {
			return errHead
		}
		h.raw = append(h.raw, line...)
		if len(line) == len(crlf) {
			break
		}
		if first == 0 {
			first = len(line)
		}
	}
	if first == 0 {
		return errHead
	}
	h.line = h.raw[:first-len(crlf)]
	return h.parse(h.raw[first : len(h.raw)-len(crlf)])
}

var crlf = []byte("\r\n")

// parse finds the fields that are about the connection and the body.
func (h *head) parse(lines []byte) error {
	var named [][]byte // by Connection, to be dropped
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n') + 1
		field := lines[:end]
		lines = lines[end:]
		name, value, ok := bytes.Cut(field[:end-len(crlf)], []byte(":"))
		if !ok || !isToken(name) {
			return errHead
		}
		value = bytes.TrimSpace(value)
		switch kindOf(name) {
		case passed:
			h.fields = append(h.fields, field)
		case dropped:
		case connection:
			for token := range bytes.SplitSeq(value, []byte(",")) {
				token = bytes.TrimSpace(token)
				if bytes.EqualFold(token, []byte("close")) {
					h.close = true
				} else if kindOf(token) == passed {
					named = append(named, token)
				}
			}
		case contentLength:
			n, err := strconv.ParseUint(string(value), 10, 62)
			if err != nil || h.length >= 0 {
				return errHead
			}
			h.length, h.lengthField = int64(n), field
		case transferEncoding:
			if h.chunked || !bytes.EqualFold(value, []byte("chunked")) {
				return errHead
			}
			h.chunked = true
		case expect:
			if !bytes.EqualFold(value, []byte("100-continue")) {
				return errHead
			}
			h.expect = true
		}
	}
	if h.chunked && h.length >= 0 {
		return errHead // which of the two counts is how requests are smuggled
	}
	for _, name := range named {
		h.drop(name)
	}
	return nil
}

// drop forgets the fields of a name.
func (h *head) drop(name []byte) {
	kept := h.fields[:0]
	for _, field := range h.fields {
		if got, _, _ := bytes.Cut(field, []byte(":")); !bytes.EqualFold(got, name) {
			kept = append(kept, field)
		}
	}
	h.fields = kept
}

// request splits the first line of a request and gives the path that rules look at.
func (h *head) request() (method, path string, err error) {
	line := string(h.line)
	method, rest, _ := strings.Cut(line, " ")
	uri, version, _ := strings.Cut(rest, " ")
	if !isToken([]byte(method)) || uri == "" || version != "HTTP/1.1" {
		return "", "", errHead
	}
	path, _, _ = strings.Cut(uri, "?")
	if _, absolute, ok := strings.Cut(path, "://"); ok && path[0] != '/' {
		path = "/"
		if i := strings.IndexByte(absolute, '/'); i >= 0 {
			path = absolute[i:]
		}
	}
	return method, path, nil
}

// status gives the status code of an answer.
func (h *head) status() (int, error) {
	const prefix = "HTTP/1."
	if len(h.line) < len(prefix)+5 || string(h.line[:len(prefix)]) != prefix || h.line[len(prefix)+1] != ' ' {
		return 0, errHead
	}
	if h.line[len(prefix)] == '0' {
		h.close = true // HTTP/1.0 keeps no connection
	}
	code, err := strconv.Atoi(string(h.line[len(prefix)+2 : len(prefix)+5]))
	if err != nil || code < 100 {
		return 0, errHead
	}
	return code, nil
}

// The kinds of fields.
type fieldKind int

const (
	passed  fieldKind = iota
	dropped           // it is about one connection only
	connection
	contentLength
	transferEncoding
	expect
)

func kindOf(name []byte) fieldKind {
	is := func(s string) bool { return strings.EqualFold(string(name), s) }
	// By the length first: nearly all fields are none of these.
	switch len(name) {
	case len("TE"):
		if is("TE") {
			return dropped
		}
	case len("Expect"):
		if is("Expect") {
			return expect
		}
	case len("Upgrade"):
		if is("Upgrade") {
			return dropped
		}
	case len("Connection"): // and Keep-Alive
		if is("Connection") {
			return connection
		}
		if is("Keep-Alive") {
			return dropped
		}
	case len("Content-Length"):
		if is("Content-Length") {
			return contentLength
		}
	case len("Proxy-Connection"):
		if is("Proxy-Connection") {
			return dropped
		}
	case len("Transfer-Encoding"): // and X-Forwarded-Proto
		if is("Transfer-Encoding") {
			return transferEncoding
		}
		if is("X-Forwarded-Proto") {
			return dropped // the balancer says it itself
		}
	}
	return passed
}

func isToken(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return len(b) > 0
}
