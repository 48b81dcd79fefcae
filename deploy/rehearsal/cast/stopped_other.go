//go:build !linux

package cast

import (
	"fmt"
	"syscall"
)

// waitStopped waits until a signal has stopped a child.
func waitStopped(pid int) error {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil); err != nil {
		return err
	}
	if !status.Stopped() {
		return fmt.Errorf("it ended: %#x", status)
	}
	return nil
}
