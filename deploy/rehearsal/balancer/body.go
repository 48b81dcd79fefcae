package balancer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	// maxBody is the largest body that is passed on, either way.
	maxBody = 64 << 20
	// flushAt is how much is gathered before it is written.
	flushAt = 32 << 10
)

var errBody = errors.New("malformed or too large body")

// A framing says where a body ends.
type framing struct {
	length     int64 // if neither of the others
	chunked    bool
	untilClose bool
}

// requestFraming is the framing of a request's body.
func (h *head) requestFraming() framing {
	return framing{length: max(0, h.length), chunked: h.chunked}
}

// answerFraming is the framing of an answer's body.
func (h *head) answerFraming(method string, code int) framing {
	if method == "HEAD" || code == 204 || code == 304 {
		return framing{}
	}
	return framing{length: max(0, h.length), chunked: h.chunked, untilClose: h.length < 0 && !h.chunked}
}

// A sink gathers what is written, so that a head and a small body take one write. After
// an error it takes everything and writes nothing.
type sink struct {
	w   io.Writer
	buf []byte
	err error
}

func (s *sink) add(p ...[]byte) {
	for _, part := range p {
		s.buf = append(s.buf, part...)
	}
	if len(s.buf) >= flushAt {
		s.flush()
	}
}

func (s *sink) addString(p ...string) {
	for _, part := range p {
		s.buf = append(s.buf, part...)
	}
}

func (s *sink) flush() {
	if s.err == nil && len(s.buf) > 0 {
		_, s.err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
}

// pass hands a body on as it is, and flushes whenever it has to wait for more. It
// returns an error of reading, or errBody; to.err has those of writing.
func (f framing) pass(to *sink, from *bufio.Reader) error {
	switch {
	case f.chunked:
		if err := passChunks(to, from); err != nil {
			return err
		}
	case f.untilClose:
		if err := passBytes(to, from, maxBody+1); !errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.Join(err, errBody)
		}
	case f.length > maxBody:
		return errBody
	default:
		if err := passBytes(to, from, f.length); err != nil {
			return err
		}
	}
	to.flush()
	return nil
}

// passBytes hands n bytes on.
func passBytes(to *sink, from *bufio.Reader, n int64) error {
	for n > 0 && to.err == nil {
		if from.Buffered() == 0 {
			to.flush()
			if _, err := from.Peek(1); err != nil {
				return unexpected(err, 1)
			}
		}
		part, _ := from.Peek(int(min(n, int64(from.Buffered()))))
		to.add(part)
		n -= int64(len(part))
		_, _ = from.Discard(len(part))
	}
	return nil
}

func passChunks(to *sink, from *bufio.Reader) error {
	var total int64
	for to.err == nil {
		line, err := passLine(to, from)
		if err != nil {
			return err
		}
		digits, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimRight(digits, " \t")), 16, 31)
		if err != nil {
			return errBody
		}
		if n == 0 {
			return passTrailer(to, from)
		}
		if total += int64(n); total > maxBody {
			return errBody
		}
		if err := passBytes(to, from, int64(n)); err != nil {
			return err
		}
		if end, err := passLine(to, from); err != nil || len(end) > 0 {
			return errors.Join(err, fmt.Errorf("the chunk does not end: %w", errBody))
		}
	}
	return nil
}

// passTrailer hands on the lines after the last chunk.
func passTrailer(to *sink, from *bufio.Reader) error {
	for total := 0; total <= maxHead; {
		line, err := passLine(to, from)
		if err != nil || len(line) == 0 {
			return err
		}
		total += len(line)
	}
	return errBody
}

// passLine hands a line on and gives it without its end.
func passLine(to *sink, from *bufio.Reader) ([]byte, error) {
	if from.Buffered() == 0 {
		to.flush()
	}
	line, err := from.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, errBody
	}
	if err != nil {
		return nil, unexpected(err, 1)
	}
	text, ok := bytes.CutSuffix(line, crlf)
	if !ok {
		return nil, errBody
	}
	to.add(line)
	return text, nil
}

// unexpected makes the end of what had begun an error.
func unexpected(err error, got int) error {
	if got > 0 && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
