// Package child ties the processes of a rehearsal to the rehearsal.
package child

import (
	"os/exec"
	"syscall"
)

// DieWithParent has the kernel end the process when this one ends, however it does. It is
// to be called before the process is started.
func DieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
