package observe

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// bufferSize bounds the lines that wait to be written.
	bufferSize = 64 << 10
	// flushAfter bounds how long a line waits.
	flushAfter = 200 * time.Millisecond
	// maxStall bounds how long a request waits for whoever reads the log. After that,
	// lines are dropped until the log is read again: the board goes on.
	maxStall = time.Second
)

// An AccessLog writes one line for each request. Its lines wait in a buffer for at
// most 200 ms; an idle log has no timer and no goroutine. It is safe for concurrent
// use.
type AccessLog struct {
	w      io.Writer
	format Format
	failed func(error)

	// writing has room for one: it is full while a buffer is written, so that requests
	// go on filling the other one. It is taken before mu.
	writing chan struct{}
	spare   []byte

	mu     sync.Mutex // guards what follows
	buf    []byte
	timer  *time.Timer // runs while buf has lines
	closed bool

	stalled atomic.Bool  // a write has taken longer than maxStall
	dropped atomic.Int64 // lines, since the last that was written
}

// NewAccessLog returns a log that writes to w. If w fails, failed is called, which
// may be nil; the lines are lost and requests go on.
func NewAccessLog(w io.Writer, f Format, failed func(error)) *AccessLog {
	return &AccessLog{w: w, format: f, failed: failed, writing: make(chan struct{}, 1)}
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
		if !l.flushSoon() {
			l.dropped.Add(1)
			return
		}
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
	l.writing <- struct{}{}
	l.flush()
}

// flushSoon does the same, but gives up, and returns false, if an earlier write does not
// end within maxStall or is known not to.
func (l *AccessLog) flushSoon() bool {
	select {
	case l.writing <- struct{}{}:
	default:
		if l.stalled.Load() {
			return false
		}
		late := time.NewTimer(maxStall)
		defer late.Stop()
		select {
		case l.writing <- struct{}{}:
		case <-late.C:
			l.stalled.Store(true)
			return false
		}
	}
	l.flush()
	return true
}

// flush writes the lines that wait. The caller has filled writing.
func (l *AccessLog) flush() {
	defer func() { <-l.writing }()
	l.mu.Lock()
	full := l.buf
	l.buf = l.spare[:0]
	l.mu.Unlock()
	if len(full) > 0 {
		_, err := l.w.Write(full)
		l.stalled.Store(false)
		if n := l.dropped.Swap(0); n > 0 {
			err = errors.Join(err, fmt.Errorf("nobody read the log: %d lines were dropped", n))
		}
		if err != nil && l.failed != nil {
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
