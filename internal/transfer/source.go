package transfer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"
)

// maxAhead is how far the decoder may read beyond what it has understood: more than the
// longest text takes if each of its characters is escaped, and the read buffer.
const maxAhead = 1 << 20

var errTooLong = errors.New("no value may be longer than 1 MiB")

// A source feeds a file to the decoder. It ends when its context does, refuses what is no
// UTF-8, bounds what the decoder has to hold, and knows which line an offset is in.
type source struct {
	r    io.Reader
	used func() int64 // the offset up to which the decoder has understood the file
	read int64

	line     int     // of the offset that was asked for last
	newlines []int64 // those beyond that offset that were read
}

// newSource returns a source at the start of a file. progress, if any, is told how many
// more bytes were read.
func newSource(ctx context.Context, r io.Reader, progress func(n int)) *source {
	buffered := bufio.NewReaderSize(&meter{ctx: ctx, r: r, progress: progress}, 256<<10)
	return &source{r: transform.NewReader(buffered, encoding.UTF8Validator), line: 1}
}

func (s *source) Read(p []byte) (int, error) {
	if s.read-s.used() > maxAhead {
		return 0, errTooLong
	}
	n, err := s.r.Read(p)
	for at := 0; ; at++ {
		i := bytes.IndexByte(p[at:n], '\n')
		if i < 0 {
			break
		}
		at += i
		s.newlines = append(s.newlines, s.read+int64(at))
	}
	s.read += int64(n)
	return n, err
}

// lineOf gives the line that an offset is in. Offsets must not go back.
func (s *source) lineOf(offset int64) int {
	passed := 0
	for passed < len(s.newlines) && s.newlines[passed] < offset {
		passed++
	}
	s.line += passed
	s.newlines = s.newlines[passed:]
	return s.line
}

// lastLine gives the line up to which the file was read.
func (s *source) lastLine() int { return s.line + len(s.newlines) }

// A meter ends a reader with its context, and tells how far it has come.
type meter struct {
	ctx      context.Context
	r        io.Reader
	progress func(n int)
}

func (m *meter) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	if m.progress != nil {
		m.progress(n)
	}
	return n, err
}
