package forward

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/apierr"
)

const (
	// maxRunning is how many calls of a connection run or wait for their answers to be
	// written. Then it is not read: the caller waits.
	maxRunning = 1024
	// maxRunningBytes is what their frames may take together.
	maxRunningBytes = 16 << 20
)

// A peer is a connection of the server's.
type peer struct {
	server *Server
	conn   net.Conn
	writer *writer
	ctx    context.Context // of its calls
	cancel context.CancelFunc

	// Guarded by the writer's mutex.
	running  int // calls that run, and answers that are not written
	bytes    int // of the frames of calls that run
	retiring bool
	waits    bool       // the reader waits for fewer
	fewer    *sync.Cond // for the reader
}

// arrived is a call that a peer has sent.
type arrived struct {
	peer  *peer
	call  Call
	frame *frame
}

var arrivals = sync.Pool{New: func() any { return new(arrived) }}

func (a *arrived) free() {
	a.frame.free()
	*a = arrived{}
	arrivals.Put(a)
}

func newPeer(s *Server, conn net.Conn) (*peer, error) {
	p := &peer{server: s, conn: conn}
	w, err := newWriter(conn, p.written, p.end)
	if err != nil {
		return nil, err
	}
	p.writer = w
	p.fewer = sync.NewCond(&w.mu)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p, nil
}

// read takes calls until the connection ends or the peer retires, and returns when the
// last of them is done with.
func (p *peer) read(r *bufio.Reader) {
	err := p.calls(r)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) { // and not because it retires
		p.end(err)
	}
	p.writer.mu.Lock()
	p.wait(func() bool { return p.running == 0 })
	p.writer.mu.Unlock()
	p.cancel()
	_ = p.conn.Close() // all that there was has been written
}

// calls reads calls and has them run. It returns nil if the peer retires.
func (p *peer) calls(r *bufio.Reader) error {
	for {
		f, err := readFrame(r, maxCall)
		if err != nil {
			return err
		}
		call, err := parseCall(f.buf, time.Now())
		if err != nil {
			return err
		}
		if !p.admit(len(f.buf)) {
			return nil
		}
		a := arrivals.Get().(*arrived)
		*a = arrived{peer: p, call: call, frame: f}
		p.server.run(a)
	}
}

// admit waits until a call may run. It returns false if the peer retires.
func (p *peer) admit(size int) bool {
	w := p.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	p.wait(func() bool {
		return p.retiring || p.running < maxRunning && (p.bytes+size <= maxRunningBytes || p.bytes == 0)
	})
	if p.retiring {
		return false
	}
	p.running++
	p.bytes += size
	return true
}

// wait makes the reader wait. It holds the writer's mutex.
func (p *peer) wait(until func() bool) {
	for !until() {
		p.waits = true
		p.fewer.Wait()
	}
	p.waits = false
}

// written takes answers off what runs. The caller holds the writer's mutex.
func (p *peer) written(answers int, held int64) {
	p.running -= answers
	p.server.held.Give(held)
	if p.waits {
		p.fewer.Signal()
	}
}

// succeed answers a call, whose frame had a size, with a response.
func (p *peer) succeed(id uint64, frameSize int, resp proto.Message) {
	w, size := p.writer, proto.Size(resp)
	if size > maxTogether {
		p.succeedLarge(id, frameSize, resp, size)
		return
	}
	w.mu.Lock()
	tail, err := appendAnswer(w.next.tail, id, resp, size)
	if err != nil {
		w.mu.Unlock()
		p.invalid(id, frameSize, err)
		return
	}
	w.addTail(tail)
	p.bytes -= frameSize
	w.release()
}

func (p *peer) succeedLarge(id uint64, frameSize int, resp proto.Message, size int) {
	held := int64(size)
	if !p.server.held.Take(held) {
		p.fail(id, frameSize, apierr.ErrOverloaded.GRPCStatus())
		return
	}
	const room = 32 // for what goes before the message
	frame, err := appendAnswer(make([]byte, 0, size+room), id, resp, size)
	if err != nil {
		p.server.held.Give(held)
		p.invalid(id, frameSize, err)
		return
	}
	p.writer.mu.Lock()
	p.writer.addLarge(frame, held)
	p.bytes -= frameSize
	p.writer.release()
}

// invalid answers a call whose response cannot be sent.
func (p *peer) invalid(id uint64, frameSize int, err error) {
	p.server.log.Error("a forwarded call's answer cannot be sent", "error", err)
	p.fail(id, frameSize, apierr.ErrInternal.GRPCStatus())
}

// fail answers a call with an error.
func (p *peer) fail(id uint64, frameSize int, st *status.Status) {
	w := p.writer
	w.mu.Lock()
	tail, err := appendFailure(w.next.tail, id, st.Proto())
	if err != nil { // it is no valid UTF-8, or out of all bounds
		tail, _ = appendFailure(w.next.tail, id, apierr.ErrInternal.GRPCStatus().Proto())
	}
	w.addTail(tail)
	p.bytes -= frameSize
	w.release()
}

// retire makes the reader stop reading.
func (p *peer) retire() {
	p.writer.mu.Lock()
	p.retiring = true
	p.fewer.Signal()
	p.writer.mu.Unlock()
	_ = p.conn.SetReadDeadline(time.Unix(1, 0)) // it is open, or the reader has ended
}

// end breaks the connection off.
func (p *peer) end(err error) {
	// Before the handlers hear of it: that they are cancelled is no answer, and a caller
	// that got it would not ask another process.
	if p.conn.Close() == nil && !gone(err) { // and nobody closed it before
		p.server.log.Warn("a connection of forwarded calls is broken off", "error", err)
	}
	p.cancel()
}

// gone tells whether an error says that the process at the other end has closed the
// connection, or has died.
func gone(err error) bool {
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.EPIPE, syscall.ECONNRESET} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
