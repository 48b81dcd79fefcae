package observe

import (
	"io"
	"sync"
	"time"
)

const (
	// bufferSize bounds the lines that wait to be written.
	bufferSize = 64 << 10
	// flushAfter bounds how long a line waits.
	flushAfter = 200 * time.Millisecond
)

// An AccessLog writes one line for each request. Its lines wait in a buffer for at
// most 200 ms; an idle log has no timer and no goroutine. It is safe for concurrent
// use.
type AccessLog struct {
	w      io.Writer
	format Format
	failed func(error)

	// writing is held while a full buffer is written, so that requests go on filling
	// the other one. It is taken before mu.
	writing sync.Mutex
	spare   []byte

	mu     sync.Mutex // guards what follows
	buf    []byte
	timer  *time.Timer // runs while buf has lines
	closed bool
}

// NewAccessLog returns a log that writes to w. If w fails, failed is called, which
// may be nil; the lines are lost and requests go on.
func NewAccessLog(w io.Writer, f Format, failed func(error)) *AccessLog {
	return &AccessLog{w: w, format: f, failed: failed}
}

// lines are where entries are built, outside of the lock.
var lines = sync.Pool{New: func() any {
	b := make([]byte, 0, 512)
	return &b
}}

// log adds an entry.
func (l *AccessLog) log(e *entry) {
	line := lines.Get().(*[]byte)
	if l.format == JSON {
		*line = e.appendJSON((*line)[:0])
	} else {
		*line = e.appendText((*line)[:0])
	}
	l.add(*line)
	lines.Put(line)
}

func (l *AccessLog) add(line []byte) {
	l.mu.Lock()
	// A line is far shorter than the buffer, so one flush nearly always makes room;
	// other requests may have filled it again.
	for len(l.buf)+len(line) > bufferSize {
		l.mu.Unlock()
		l.Flush()
		l.mu.Lock()
	}
	if l.buf == nil {
		l.buf = make([]byte, 0, bufferSize)
	}
	first := len(l.buf) == 0
	l.buf = append(l.buf, line...)
	late := l.closed
	if first && !late {
		if l.timer == nil {
			l.timer = time.AfterFunc(flushAfter, l.Flush)
		} else {
			l.timer.Reset(flushAfter)
		}
	}
	l.mu.Unlock()
	if late {
		l.Flush()
	}
}

// Flush writes the lines that wait.
func (l *AccessLog) Flush() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	full := l.buf
	l.buf = l.spare[:0]
	l.mu.Unlock()
	if len(full) > 0 {
		if _, err := l.w.Write(full); err != nil && l.failed != nil {
			l.failed(err)
		}
	}
	l.spare = full
}

// Close writes the lines that wait and ends the timer. Lines that come later are
// written at once.
func (l *AccessLog) Close() {
	l.mu.Lock()
	l.closed = true
	if l.timer != nil {
		l.timer.Stop()
	}
	l.mu.Unlock()
	l.Flush()
}
