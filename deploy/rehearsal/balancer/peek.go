package balancer

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// A peeker looks at an idle connection without waiting and without taking from it.
type peeker struct {
	raw   syscall.RawConn
	look  func(fd uintptr) bool
	empty bool
	buf   [1]byte
}

func newPeeker(conn net.Conn) (*peeker, error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("%T has no file descriptor", conn)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &peeker{raw: raw}
	p.look = func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), p.buf[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		p.empty = errors.Is(err, syscall.EAGAIN)
		return true
	}
	return p, nil
}

// quiet tells whether the peer has neither closed the connection nor said anything on
// it, which would be an answer to no request.
func (p *peeker) quiet() bool {
	p.empty = false
	return p.raw.Read(p.look) == nil && p.empty
}
