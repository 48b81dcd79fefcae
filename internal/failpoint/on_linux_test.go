//go:build failpoints

package failpoint

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// arm replaces the file, and returns its path.
func arm(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "points")
	rearm(t, path, lines...)
	t.Setenv(variable, path)
	return path
}

func rearm(t *testing.T, path string, lines ...string) {
	t.Helper()
	if err := errors.Join(
		os.WriteFile(path+".new", []byte(strings.Join(lines, "\n")), 0o600),
		os.Rename(path+".new", path),
	); err != nil {
		t.Fatal(err)
	}
}

func TestErrors(t *testing.T) {
	path := arm(t, "store.commit enospc", "", "gate off")
	var failed *fs.PathError
	for range 2 {
		err := Err(StoreCommit)
		if !errors.As(err, &failed) || failed.Op != "write" || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Err = %v, want a write without room", err)
		}
	}
	Hit(StoreView) // which has no line
	if !Off(Gate) || Off(Keys) || !Enabled {
		t.Errorf("gate off: %t, keys off: %t", Off(Gate), Off(Keys))
	}
	rearm(t, path, "store.commit   eio  once")
	err := Err(StoreCommit)
	if !errors.As(err, &failed) || failed.Op != "sync" || !errors.Is(err, syscall.EIO) {
		t.Errorf("Err = %v, want a sync that failed", err)
	}
	if err := Err(StoreCommit); err != nil {
		t.Errorf("the second time Err = %v, want none", err)
	}
	rearm(t, path, "store.commit eio once", "store.commit enospc")
	if err := Err(StoreCommit); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Err = %v, want the next line's", err)
	}
	rearm(t, path)
	if err := Err(StoreCommit); err != nil || Off(Gate) {
		t.Errorf("with an empty file Err = %v, gate off: %t", err, Off(Gate))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := Err(StoreCommit); err != nil {
		t.Errorf("without the file Err = %v", err)
	}
	t.Setenv(variable, "")
	if err := Err(StoreCommit); err != nil {
		t.Errorf("without the variable Err = %v", err)
	}
}

func TestSleep(t *testing.T) {
	const wait = 30 * time.Millisecond
	arm(t, "store.view sleep "+wait.String())
	start := time.Now()
	Hit(StoreView)
	if took := time.Since(start); took < wait {
		t.Errorf("it took %v", took)
	}
}

func TestEveryPointHasALine(t *testing.T) {
	for _, p := range points {
		if _, err := parse(string(p) + " sleep 1s"); err != nil {
			t.Error(err)
		}
	}
	for _, s := range switches {
		if _, err := parse(string(s) + " off"); err != nil {
			t.Error(err)
		}
	}
}

func TestLinesThatMakeNoSense(t *testing.T) {
	for _, line := range []string{
		"store.view", "once", "store.view once", "store.view explode", "store.views kill", "store.view kill twice",
		"store.view sleep", "store.view sleep long", "store.view sleep 1s 2s", "store.view off", "store.commit enospc 3",
		"gate", "gate kill", "gate off once", "gate off 1s", "gates off", "# kill",
	} {
		if all, err := parse("store.commit kill\n" + line + "\n"); err == nil {
			t.Errorf("%q is %+v", line, all)
		}
	}
}

// runHit runs this binary again, to hit a point with the file's lines in force. It
// gives how the process ended, and what it said before and after the point.
func runHit(t *testing.T, lines string, meanwhile func(*exec.Cmd)) (state *os.ProcessState, stdout, stderr string) {
	t.Helper()
	path := arm(t, lines)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestHelperThatHits$")
	cmd.Env = append(os.Environ(), "HELPER_HITS=1", variable+"="+path)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if meanwhile != nil {
		meanwhile(cmd)
	}
	_ = cmd.Wait() // the state says how
	return cmd.ProcessState, out.String(), err.String()
}

func TestHelperThatHits(*testing.T) {
	if os.Getenv("HELPER_HITS") == "" {
		return
	}
	_, _ = os.Stdout.WriteString("before\n")
	Hit(HandoffTold)
	_, _ = os.Stdout.WriteString("after\n")
	os.Exit(0)
}

func TestKill(t *testing.T) {
	state, stdout, stderr := runHit(t, "handoff.told kill", nil)
	if ws := state.Sys().(syscall.WaitStatus); ws.Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %v", state)
	}
	if stdout != "before\n" || stderr != "failpoint: handoff.told kill\n" {
		t.Errorf("it said %q and %q", stdout, stderr)
	}
}

func TestStop(t *testing.T) {
	state, stdout, _ := runHit(t, "handoff.told stop once", func(cmd *exec.Cmd) {
		var ws syscall.WaitStatus
		if _, err := syscall.Wait4(cmd.Process.Pid, &ws, syscall.WUNTRACED, nil); err != nil || !ws.Stopped() {
			t.Errorf("it did not stop: %v, %v", ws, err)
		}
		if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	})
	if !state.Success() || stdout != "before\nafter\n" {
		t.Errorf("it went on to %v and said %q", state, stdout)
	}
}

func TestNonsenseEndsTheProcess(t *testing.T) {
	for _, lines := range []string{"handoff.tld kill", "handoff.told enospc", "store.view sleep"} {
		state, stdout, stderr := runHit(t, lines, nil)
		if state.ExitCode() != exitUsage || stdout != "before\n" || !strings.Contains(stderr, "failpoint: ") {
			t.Errorf("%q: %v, %q, %q", lines, state, stdout, stderr)
		}
	}
}
