package load

import (
	"errors"
	"syscall"
)

// A peeker looks whether a connection that is idle may be used, without waiting and
// without taking anything from it.
type peeker struct {
	raw  syscall.RawConn
	look func(fd uintptr) bool
	idle bool
	buf  [1]byte
}

func newPeeker(conn syscall.Conn) (*peeker, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &peeker{raw: raw}
	p.look = func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), p.buf[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		// Nothing to read yet is as it should be; the end, an error or an answer to no
		// request is not.
		p.idle = errors.Is(err, syscall.EAGAIN)
		return true
	}
	return p, nil
}

// usable tells whether the other side has neither closed the connection nor sent
// anything.
func (p *peeker) usable() bool {
	p.idle = false
	return p.raw.Read(p.look) == nil && p.idle
}
