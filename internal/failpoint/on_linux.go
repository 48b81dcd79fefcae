//go:build failpoints

package failpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Enabled tells whether this binary has fail points.
const Enabled = true

// variable names the file, by its environment variable.
const variable = "SPLITBOARD_FAILPOINTS"

// exitUsage is how a process ends that cannot understand the file.
const exitUsage = 2

var (
	points = []Point{
		HandoffAsked, HandoffGateClosed, HandoffDrained, HandoffRecorded, HandoffTold, HandoffClosed, HandoffUnlocked,
		TakeoverAsked, TakeoverWaiting, TakeoverLocked, TakeoverOpened, TakeoverCompared, TakeoverGateOpened, TakeoverPublished,
		StoreView, StoreCommit, StoreCommitted,
	}
	switches = []Switch{Gate, Keys, Inode}
)

// taken has the lines with `once` whose action was taken.
var taken sync.Map

// An action is a line of the file.
type action struct {
	name, verb string
	wait       time.Duration
	once       bool
}

// Hit takes the point's action, if it has one.
func Hit(p Point) {
	if err := Err(p); err != nil {
		die(fmt.Errorf("nothing can fail at %s: %w", p, err))
	}
}

// Err takes the point's action, if it has one, and gives the error that it injects.
func Err(p Point) error {
	a, ok := armed(string(p))
	if !ok {
		return nil
	}
	say(a.String())
	switch a.verb {
	case "kill":
		raise(unix.SIGKILL)
	case "stop":
		raise(unix.SIGSTOP)
	case "sleep":
		<-time.After(a.wait)
	case "enospc":
		return &fs.PathError{Op: "write", Path: variable, Err: syscall.ENOSPC}
	case "eio":
		return &fs.PathError{Op: "sync", Path: variable, Err: syscall.EIO}
	}
	return nil
}

// Off tells whether the switch is turned off.
func Off(s Switch) bool {
	_, ok := armed(string(s))
	return ok
}

// armed gives what the file says about a name now.
func armed(name string) (action, bool) {
	path := os.Getenv(variable)
	if path == "" {
		return action{}, false
	}
	text, err := os.ReadFile(path) //nolint:gosec // whoever starts the process names the file
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		die(err)
	}
	all, err := parse(string(text))
	if err != nil {
		die(fmt.Errorf("%s: %w", path, err))
	}
	for _, a := range all {
		if a.name != name {
			continue
		}
		if a.once {
			if _, again := taken.LoadOrStore(a, nil); again {
				continue
			}
		}
		return a, true
	}
	return action{}, false
}

// parse reads the whole file.
func parse(text string) (all []action, err error) {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		a, err := parseLine(strings.Fields(line))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
		all = append(all, a)
	}
	return all, nil
}

func parseLine(words []string) (a action, err error) {
	if n := len(words); n > 2 && words[n-1] == "once" {
		a.once, words = true, words[:n-1]
	}
	if len(words) < 2 {
		return a, errors.New("a line is NAME ACTION [once]")
	}
	a.name, a.verb = words[0], words[1]
	arguments := 0
	switch {
	case known(switches, a.name):
		if a.verb != "off" || a.once {
			return a, errors.New("a switch can be off, and no more")
		}
	case !known(points, a.name):
		return a, errors.New("there is no such point")
	case a.verb == "sleep":
		if arguments = 1; len(words) == 3 {
			a.wait, err = time.ParseDuration(words[2])
		}
	case !known([]string{"kill", "stop", "enospc", "eio"}, a.verb):
		return a, errors.New("there is no such action")
	}
	if err == nil && len(words) != 2+arguments {
		err = errors.New("the action has too many words, or too few")
	}
	return a, err
}

func known[T ~string](names []T, name string) bool {
	for _, n := range names {
		if string(n) == name {
			return true
		}
	}
	return false
}

func (a action) String() string {
	s := a.name + " " + a.verb
	if a.verb == "sleep" {
		s += " " + a.wait.String()
	}
	return s
}

// raise sends a signal to this thread, so that it goes no further: a signal to the
// process may reach another thread first.
func raise(signal unix.Signal) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Tgkill(unix.Getpid(), unix.Gettid(), signal); err != nil {
		die(err)
	}
}

func say(text string) { fmt.Fprintln(os.Stderr, "failpoint: "+text) }

// die ends the process, because a test that went on would prove nothing.
func die(err error) {
	say(err.Error())
	os.Exit(exitUsage)
}
