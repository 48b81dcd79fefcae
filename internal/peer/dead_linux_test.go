package peer

import (
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A host that is gone without a trace leaves enough of the time for the next.
func TestSRVDeadHost(t *testing.T) {
	dns := newNames(t)
	addr, _ := (&users{name: "alive"}).start(t, "127.0.0.1:0")
	dns.set("users.internal", record(t, silent(t), 1, 1), record(t, addr, 2, 1))
	start := time.Now()
	d := &dialer{resolver: dns.resolver()}
	conn, err := d.dial(t.Context(), "srv:users.internal")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if took := time.Since(start); conn.RemoteAddr().String() != addr || took > connectTimeout {
		t.Errorf("connected to %s after %v, want %s", conn.RemoteAddr(), took, addr)
	}
	// The control: alone it takes all of the time, and no more.
	dns.set("users.internal", record(t, silent(t), 1, 1))
	start = time.Now()
	_, err = d.dial(t.Context(), "srv:users.internal")
	if took := time.Since(start); err == nil || took < connectTimeout/2 || took > 2*connectTimeout {
		t.Errorf("a dead host: %v after %v", err, took)
	}
}

// silent gives an address that takes no connection and refuses none: its queue is full.
func silent(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	for range 4 {
		d := net.Dialer{Timeout: 50 * time.Millisecond}
		if conn, err := d.Dial("tcp", addr); err == nil {
			t.Cleanup(func() { _ = conn.Close() })
		}
	}
	return addr
}
