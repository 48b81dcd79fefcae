package cast

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel end the process when this one ends, however it does.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
