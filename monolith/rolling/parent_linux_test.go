package rolling

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel end the process when the test's ends, however that does.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
