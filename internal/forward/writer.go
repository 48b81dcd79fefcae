package forward

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// maxTogether is the largest message that is written into the buffer of all. A larger
	// one is marshaled by itself: meanwhile the others go on.
	maxTogether = 16 << 10
	// keptBatch is the largest buffer that is kept for the next batch.
	keptBatch = 64 << 10
	// writeWithin is how long a peer may take to read when it is behind.
	writeWithin = 5 * time.Second
	// maxRounds is how many batches somebody writes who has work of its own to do.
	maxRounds = 8
)

// A writer writes the frames of many goroutines to a connection: whoever finds that nobody
// is writing writes what there is, for all. Nobody waits for a peer that is behind.
type writer struct {
	conn net.Conn
	raw  syscall.RawConn
	// written is told, under mu, when frames are written, or thrown away because the
	// connection is broken.
	written func(frames int, held int64)
	// broken is told, once and not under mu, when writing failed.
	broken func(error)

	mu      sync.Mutex
	next    batch
	spare   []byte // for the next batch
	writing bool
	err     error

	// Of whoever is writing.
	attempt func(fd uintptr) bool // made once, because it would be on the heap
	out     []byte
	n       int
	errno   error
}

// A batch is frames that are written together.
type batch struct {
	large  net.Buffers // before tail
	tail   []byte
	frames int
	held   int64
}

func newWriter(conn net.Conn, written func(frames int, held int64), broken func(error)) (*writer, error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil, errors.New("the connection is not the system's")
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	w := &writer{conn: conn, raw: raw, written: written, broken: broken}
	w.attempt = func(fd uintptr) bool {
		for {
			w.n, w.errno = syscall.Write(int(fd), w.out)
			if !errors.Is(w.errno, syscall.EINTR) {
				return true // and not "try again": what would block is left to another goroutine
			}
		}
	}
	return w, nil
}

// addTail counts the frame in that was appended to next.tail, which gave tail. The caller
// holds mu.
func (w *writer) addTail(tail []byte) {
	w.next.tail = tail
	w.next.frames++
}

// addLarge adds a frame with a buffer of its own. The caller holds mu.
func (w *writer) addLarge(frame []byte, held int64) {
	if len(w.next.tail) > 0 {
		w.next.large = append(w.next.large, w.next.tail)
		w.next.tail = nil
	}
	w.next.large = append(w.next.large, frame)
	w.next.frames++
	w.next.held += held
}

// release ends an addition: it unlocks mu, and writes if nobody does.
func (w *writer) release() {
	if w.err != nil {
		w.drop(&w.next)
	}
	if w.writing || w.next.frames == 0 {
		w.mu.Unlock()
		return
	}
	w.writing = true
	w.mu.Unlock()
	// Those who run now may have frames too.
	runtime.Gosched()
	w.write(batch{}, maxRounds)
}

// write writes batches until there are no more, after done, which was written. After some
// rounds it leaves them to a goroutine of their own.
func (w *writer) write(done batch, rounds int) {
	for ; ; rounds-- {
		w.mu.Lock()
		if w.spare == nil && cap(done.tail) <= keptBatch {
			w.spare = done.tail[:0]
		}
		w.drop(&done)
		if w.next.frames == 0 {
			w.writing = false
			w.mu.Unlock()
			return
		}
		if rounds == 0 {
			w.mu.Unlock()
			go w.write(batch{}, -1)
			return
		}
		now := w.next
		w.next = batch{tail: w.spare}
		w.spare = nil
		w.mu.Unlock()
		rest, err := w.attemptAll(now)
		switch {
		case err != nil:
			w.fail(&now, err)
			return
		case len(rest) > 0:
			go w.writeRest(now, rest)
			return
		}
		done = now
	}
}

// attemptAll writes what can be written at once, and gives the rest.
func (w *writer) attemptAll(b batch) (rest net.Buffers, err error) {
	defer func() { w.out = nil }()
	for list := append(b.large, b.tail); len(list) > 0; list = list[1:] { //nolint:gocritic // the batch is not used any more
		for w.out = list[0]; len(w.out) > 0; w.out = w.out[w.n:] {
			err := w.raw.Write(w.attempt)
			switch {
			case err != nil:
				return nil, err
			case errors.Is(w.errno, syscall.EAGAIN):
				list[0] = w.out
				return list, nil
			case w.errno != nil:
				return nil, w.errno
			}
		}
	}
	return nil, nil
}

// writeRest writes what could not be written at once, and then what came meanwhile.
func (w *writer) writeRest(b batch, rest net.Buffers) {
	err := w.conn.SetWriteDeadline(time.Now().Add(writeWithin))
	if err == nil {
		_, err = rest.WriteTo(w.conn)
	}
	if err == nil {
		err = w.conn.SetWriteDeadline(time.Time{})
	}
	if err != nil {
		w.fail(&b, err)
		return
	}
	w.write(b, -1)
}

// fail gives the connection up while a batch is written.
func (w *writer) fail(b *batch, err error) {
	w.mu.Lock()
	w.err = err
	w.writing = false
	w.drop(b)
	w.drop(&w.next)
	w.mu.Unlock()
	w.broken(err)
}

// drop tells that a batch is done with. The caller holds mu.
func (w *writer) drop(b *batch) {
	if b.frames > 0 {
		w.written(b.frames, b.held)
	}
	*b = batch{}
}
