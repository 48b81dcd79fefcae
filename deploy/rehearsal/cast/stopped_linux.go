package cast

import (
	"errors"

	"golang.org/x/sys/unix"
)

// waitStopped waits until a signal has stopped all threads of a child. It leaves the
// news of the child's end to whom waits for that.
func waitStopped(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
