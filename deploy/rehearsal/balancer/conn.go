package balancer

import (
	"net"
	"os"
	"sync/atomic"
	"time"
)

// A timedConn fails when nothing moves on it for too long.
type timedConn struct {
	net.Conn

	idle        time.Duration
	interrupted atomic.Bool
}

func (c *timedConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	// Looked at after the deadline is set, which may have undone that of interrupt.
	if c.interrupted.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	return c.Conn.Read(p)
}

func (c *timedConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// interrupt has whoever reads return now, and all who will.
func (c *timedConn) interrupt() {
	c.interrupted.Store(true)
	_ = c.SetReadDeadline(time.Unix(1, 0))
}
