// Package idle tells whether a connection that is kept for the next request may still be
// used. Both the clients and the load balancer must know before they send one: what is sent
// once is never sent again.
package idle

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// A Peeker looks at an idle connection without waiting and without taking anything from
// it. It is not for concurrent use.
type Peeker struct {
	raw   syscall.RawConn
	look  func(fd uintptr) bool // made once, because it would be on the heap
	quiet bool
	buf   [1]byte
}

// New returns a peeker for a connection, which must be one of the system's.
func New(conn net.Conn) (*Peeker, error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("%T has no file descriptor", conn)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &Peeker{raw: raw}
	p.look = func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), p.buf[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		// Nothing to read yet is as it should be; the end, an error or an answer to no
		// request is not.
		p.quiet = errors.Is(err, syscall.EAGAIN)
		return true
	}
	return p, nil
}

// Usable tells whether the other side has neither closed the connection nor said anything
// on it.
func (p *Peeker) Usable() bool {
	p.quiet = false
	return p.raw.Read(p.look) == nil && p.quiet
}
