package balancer

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// A client is a connection from a client, whose requests are answered one after another.
type client struct {
	s    *StandIn
	conn *timedConn
	r    *bufio.Reader
	down sink // to the client
	up   sink // to the target of the request
	ip   string

	req, answer  head
	method, path string
}

func (s *StandIn) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.clients, conn)
	}()
	c := &client{s: s, conn: &timedConn{Conn: conn, idle: s.setup.IdleTimeout}}
	c.r = bufio.NewReaderSize(c.conn, readBuffer)
	c.down.w = c.conn
	if ip, _, err := net.SplitHostPort(conn.RemoteAddr().String()); err == nil {
		c.ip = ip
	}
	for c.exchange() {
	}
}

// exchange reads one request and sends one answer. It tells whether the connection can
// have another.
func (c *client) exchange() (again bool) {
	c.method = ""
	err := c.req.read(c.r)
	if err == nil {
		c.method, c.path, err = c.req.request()
	}
	if err != nil {
		if errors.Is(err, errHead) {
			c.s.counts.malformed.Add(1)
			c.own(http.StatusBadRequest, "text/plain", "malformed request\n", "", true)
		}
		return false
	}
	c.s.counts.requests.Add(1)
	action := c.s.table.Load().route(c.path)
	if fixed := action.Fixed; fixed != nil {
		c.s.counts.fixed.Add(1)
		return c.refuse(fixed.StatusCode, fixed.ContentType, fixed.Body, NoTargetDefault)
	}
	t := c.s.groups[action.Group].take()
	if t == nil {
		c.s.counts.noTarget.Add(1)
		return c.refuse(http.StatusServiceUnavailable, "text/plain", "target group "+action.Group+" has no target\n", action.Group)
	}
	conn, err := t.connect(c.s.ctx)
	if err != nil {
		t.done(nil, false)
		c.lost(err)
		return false
	}
	again, reusable := c.forward(conn)
	t.done(conn, reusable)
	return again
}

// forward sends the request over a connection to a target and passes its answer on.
// This is the only place that sends one, and it is called once for each.
func (c *client) forward(conn *upstream) (again, reusable bool) {
	c.up = sink{w: conn, buf: c.up.buf[:0]}
	c.up.add(c.req.line, crlf)
	c.up.add(c.req.fields...)
	if c.req.chunked {
		c.up.addString("Transfer-Encoding: chunked\r\n")
	}
	c.up.add(c.req.lengthField)
	c.up.addString("X-Forwarded-For: ", c.ip, "\r\nX-Forwarded-Proto: http\r\n\r\n")

	body := c.req.requestFraming()
	var sent chan error // gets the error of sending a body that takes longer
	if !body.chunked && body.length <= int64(c.r.Buffered()) {
		if err := body.pass(&c.up, c.r); err != nil {
			return false, false
		}
	} else {
		if c.req.expect {
			c.down.addString("HTTP/1.1 100 Continue\r\n\r\n")
			c.down.flush()
		}
		// Aside, so that a target may answer before it has read everything.
		sent = make(chan error, 1)
		go func() { sent <- errors.Join(body.pass(&c.up, c.r), c.up.err) }()
	}

	framing, err := c.readAnswer(conn)
	if err != nil {
		if sent != nil {
			c.stopSending(conn, sent)
		}
		c.lost(err)
		return false, false
	}
	whole := sent == nil && c.up.err == nil // the request has been sent
	if sent != nil {
		select {
		case err := <-sent:
			sent, whole = nil, err == nil
		default:
		}
	}
	again = whole && !c.req.close && !framing.untilClose
	reusable = whole && !c.answer.close && !framing.untilClose
	c.down.add(c.answer.line, crlf)
	c.down.add(c.answer.fields...)
	if c.answer.chunked {
		c.down.addString("Transfer-Encoding: chunked\r\n")
	}
	c.down.add(c.answer.lengthField)
	if !again {
		c.down.addString("Connection: close\r\n")
	}
	c.down.add(crlf)
	err = framing.pass(&c.down, conn.r)
	if sent != nil {
		c.stopSending(conn, sent)
	}
	switch {
	case err != nil:
		c.s.counts.lost.Add(1)
		c.abort()
		return false, false
	case c.down.err != nil:
		return false, false
	case !whole:
		c.linger()
	}
	return again, reusable && conn.r.Buffered() == 0
}

// readAnswer reads the head of the final answer.
func (c *client) readAnswer(conn *upstream) (framing, error) {
	for {
		if err := c.answer.read(conn.r); err != nil {
			return framing{}, err
		}
		code, err := c.answer.status()
		if err != nil {
			return framing{}, err
		}
		switch {
		case code == http.StatusSwitchingProtocols:
			return framing{}, errHead // nobody asked for it
		case code >= http.StatusOK:
			return c.answer.answerFraming(c.method, code), nil
		}
	}
}

// lost answers a request whose answer is not to be had.
func (c *client) lost(err error) {
	code := http.StatusBadGateway
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		code = http.StatusGatewayTimeout
		c.s.counts.timedOut.Add(1)
	} else {
		c.s.counts.lost.Add(1)
	}
	c.own(code, "text/plain", "the target: "+err.Error()+"\n", "", true)
}

// stopSending ends the sending of a body that nobody waits for any more. Nothing more is
// read from the client.
func (c *client) stopSending(conn *upstream, sent chan error) {
	_ = conn.Close()
	c.conn.interrupt()
	<-sent
}

// refuse answers without a target. A small body of the request is read first, so that
// the connection can be used again.
func (c *client) refuse(code int, contentType, text, noTarget string) (again bool) {
	body := c.req.requestFraming()
	last := c.req.close || body.chunked || body.length > flushAt || c.req.expect
	if !last {
		last = body.pass(&sink{w: io.Discard}, c.r) != nil
	}
	c.own(code, contentType, text, noTarget, last)
	return !last && c.down.err == nil
}

// own writes an answer of the balancer's own.
func (c *client) own(code int, contentType, text, noTarget string, last bool) {
	c.down.addString("HTTP/1.1 ", strconv.Itoa(code), " ", http.StatusText(code), "\r\nServer: splitboard-rehearsal\r\n",
		"Content-Type: ", contentType, "\r\nContent-Length: ", strconv.Itoa(len(text)), "\r\n")
	if noTarget != "" {
		c.down.addString(HeaderNoTarget, ": ", noTarget, "\r\n")
	}
	if last {
		c.down.addString("Connection: close\r\n")
	}
	c.down.addString("\r\n")
	if c.method != http.MethodHead {
		c.down.addString(text)
	}
	c.down.flush()
	if last {
		c.linger()
	}
}

// lingerTime is how long what a client still sends is read before its connection is
// closed: closing it with something unread would take the answer away from the client.
const lingerTime = time.Second

func (c *client) linger() {
	tcp, ok := c.conn.Conn.(*net.TCPConn)
	if !ok || tcp.CloseWrite() != nil || tcp.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(tcp, maxBody))
}

// abort has the connection end in a reset, so that the client cannot take what it got
// for all of the answer.
func (c *client) abort() {
	if tcp, ok := c.conn.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}
