package drills

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
)

// A spoiling does something to a file that the processes share.
type spoiling struct {
	name string
	do   func(path string) error
}

// hintSpoilings are what may be wrong with owner.json.
var hintSpoilings = []spoiling{
	{"missing", os.Remove},
	{"garbage", content("{\"instance\": \"\x00")},
	{"empty", content("")},
	{"stale", content(`{"instance":"0123456789abcdef","pid":1,"binary":"monolith","since":"2026-01-02T03:04:05Z","epoch":1}`)},
	{"unwritable", func(path string) error { // a file does not take a folder's name, even root's
		return errors.Join(removed(path), os.Mkdir(path, 0o700))
	}},
}

// lockSpoilings are what nobody should do with the lock.
var lockSpoilings = []spoiling{
	{"deleted", os.Remove},
	{"replaced", func(path string) error {
		return errors.Join(os.WriteFile(path+".new", nil, 0o600), os.Rename(path+".new", path))
	}},
}

// content gives a spoiling that writes a text in a file's place.
func content(text string) func(path string) error {
	return func(path string) error {
		return errors.Join(removed(path), os.WriteFile(path, []byte(text), 0o600))
	}
}

// removed removes a file that may be missing.
func removed(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// spoil does it to the file of each service.
func (s *scene) spoil(t *testing.T, file string, how spoiling) {
	t.Helper()
	for _, service := range services {
		if err := how.do(filepath.Join(s.data, service, file)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func fileFaults() []trial {
	var all []trial
	for _, how := range hintSpoilings {
		all = append(all, hintWhileOwned(how), hintWhileNot(how))
	}
	for _, how := range lockSpoilings {
		all = append(all, lockThenHandoff(how), lockThenKill(how, tried))
	}
	return append(all, lockThenKill(lockSpoilings[0], 40*time.Second))
}

// hintWhileOwned spoils the hint before a handoff, and again before the owner is killed.
func hintWhileOwned(how spoiling) trial {
	return trial{
		name: "owner.json " + how.name, short: how.name == "garbage", exits: []int{0},
		play: func(t *testing.T, s *scene) {
			s.fault()
			s.spoil(t, "owner.json", how)
			s.handOff(t)
			s.handedOff(t)
			s.asked(t, 30)
			if how.name != "unwritable" { // it still is
				s.spoil(t, "owner.json", how)
			}
			kill(t, s.target)
			s.healed()
		},
	}
}

// hintWhileNot spoils the hint while nobody owns the stores, and then starts a process
// that does.
func hintWhileNot(how spoiling) trial {
	return trial{
		name: "nobody owns, owner.json " + how.name, excused: away,
		play: func(t *testing.T, s *scene) {
			kill(t, s.target)
			s.fault()
			kill(t, s.owner)
			s.spoil(t, "owner.json", how)
			wait(2500 * time.Millisecond) // longer than requests are held
			s.start(t, "successor", cast.Monolith)
			s.healed()
		},
		after: func(_ *testing.T, _ *scene, r *report) {
			if r.failed == 0 || r.owner != "successor" {
				r.complain("%d requests failed though nobody owned the stores, and the posts are at %s", r.failed, r.owner)
			}
		},
	}
}

// tried is long enough for the target to try a lock that is free, though another process
// has the store. It looks every second.
const tried = 1200 * time.Millisecond

// lockThenHandoff hands the posts over between two processes that have locks of their own,
// and then kills the owner.
func lockThenHandoff(how spoiling) trial {
	return trial{
		name: "lock " + how.name + ", handoff", exits: []int{0},
		play: func(t *testing.T, s *scene) {
			s.fault()
			s.spoil(t, "lock", how)
			wait(tried)
			// The target may be busy: it waits for a store that it believes to be its.
			tries := 0
			waitFor(t, "the posts are handed over", func() bool {
				tries++
				s.handOff(t)
				return s.handedOff(t) != cast.ExitAborted
			})
			t.Logf("handed over at the %d. try", tries)
			s.asked(t, 30)
			kill(t, s.target)
			s.healed()
		},
	}
}

// lockThenKill kills the owner while the target tries, again and again, to open what is
// not its own.
func lockThenKill(how spoiling, after time.Duration) trial {
	return trial{
		name: fmt.Sprintf("lock %s, killed after %s", how.name, after),
		play: func(t *testing.T, s *scene) {
			s.fault()
			s.spoil(t, "lock", how)
			wait(after)
			kill(t, s.owner)
			s.healed()
		},
	}
}
