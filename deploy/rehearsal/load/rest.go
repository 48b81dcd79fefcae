package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/balancer"
	"github.com/splitboard/splitboard/deploy/rehearsal/idle"
)

// A restFace speaks HTTP/1.1 over connections of its own, one request at a time. It is
// no http.Client because that sends some requests again when their connection breaks.
type restFace struct {
	entry func(service string) string
	conns map[string]*restConn // the one that is kept alive to each address
	out   []byte
	in    bytes.Buffer
}

type restConn struct {
	net.Conn

	peek *idle.Peeker
	r    *bufio.Reader
}

func newRESTFace(entry func(service string) string) *restFace {
	return &restFace{entry: entry, conns: make(map[string]*restConn)}
}

func (f *restFace) at(service string) string { return f.entry(service) }

func (f *restFace) close() {
	for via := range f.conns {
		f.drop(via)
	}
}

// drop closes the connection to an address.
func (f *restFace) drop(via string) {
	if c := f.conns[via]; c != nil {
		_ = c.Close()
		delete(f.conns, via)
	}
}

// conn gives the connection to an address. One that the server has closed since its last
// answer is replaced: nothing has been sent on it for nothing.
func (f *restFace) conn(via string, deadline time.Time) (*restConn, error) {
	if c := f.conns[via]; c != nil {
		if c.r.Buffered() == 0 && c.peek.Usable() {
			return c, nil
		}
		f.drop(via)
	}
	dialer := net.Dialer{Deadline: deadline}
	dialed, err := dialer.Dial("tcp", via)
	if err != nil {
		return nil, err
	}
	tcp, ok := dialed.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%T is no TCP connection", dialed), dialed.Close())
	}
	peek, err := idle.New(tcp)
	if err != nil {
		return nil, errors.Join(err, dialed.Close())
	}
	c := &restConn{Conn: tcp, peek: peek, r: bufio.NewReader(tcp)}
	f.conns[via] = c
	return c, nil
}

func (f *restFace) send(r *request, via string, timeout time.Duration) answer {
	deadline := time.Now().Add(timeout)
	c, err := f.conn(via, deadline)
	if err != nil {
		return answer{err: "connecting: " + cause(err)}
	}
	f.out = appendRequest(f.out[:0], r, via)
	// From here on, the request may have arrived.
	a, keep, err := f.exchange(c, r, deadline)
	if err != nil {
		a.err = cause(err)
	}
	if !keep || err != nil {
		f.drop(via)
	}
	return a
}

// exchange sends the request and reads the answer. keep tells whether the connection may
// be used again.
func (f *restFace) exchange(c *restConn, r *request, deadline time.Time) (a answer, keep bool, err error) {
	if err := c.SetDeadline(deadline); err != nil {
		return a, false, err
	}
	if _, err := c.Write(f.out); err != nil {
		return a, false, err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return a, false, err
	}
	defer res.Body.Close()
	f.in.Reset()
	if _, err := io.Copy(&f.in, res.Body); err != nil {
		return a, false, err
	}
	a.code = uint16(res.StatusCode) //nolint:gosec // three digits
	if res.StatusCode < 200 || res.StatusCode > 299 {
		a.noTarget = res.Header.Get(balancer.HeaderNoTarget) != ""
		a.err = res.Status + " " + brief(f.in.String())
		return a, !res.Close, nil
	}
	a.of, a.item, err = parse(r.kind, f.in.Bytes())
	if err != nil {
		a.err = "wrong: " + brief(f.in.String())
	}
	return a, !res.Close, nil
}

// cause gives an error without the addresses, which differ each time.
func cause(err error) string {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "no answer in time"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

// brief cuts a text that may be long.
func brief(text string) string { return text[:min(len(text), 200)] }
