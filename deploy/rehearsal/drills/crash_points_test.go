package drills

import (
	"slices"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// The points of a handoff, in order, and those of a commit.
var (
	ownerPoints = []string{
		"handoff.asked", "handoff.gate-closed", "handoff.drained", "handoff.recorded", "handoff.told", "handoff.closed", "handoff.unlocked",
	}
	targetPoints = []string{
		"takeover.asked", "takeover.waiting", "takeover.locked", "takeover.opened", "takeover.compared", "takeover.gate-opened", "takeover.published",
	}
	commitPoints = []string{"store.commit", "store.committed"}
)

// A fate is what befalls a process at a point.
type fate struct {
	name   string
	action string // of the fail point
	// end is told when it has befallen the process, and returns when it is over.
	end     func(t *testing.T, s *scene, p *cast.Process)
	excused func(s *scene, r *load.Record) bool
	watch   time.Duration // how long to look on after that
}

const (
	// stopTime is how long a process is stopped: longer than its watchdog waits.
	stopTime = 4 * time.Second
	// haltTime is how long it is stopped if it is killed then: requests that wait for
	// another service's store do so for a second at most.
	haltTime = 600 * time.Millisecond
	// slowTime is how long a slow step takes.
	slowTime = 800 * time.Millisecond
)

var fates = []fate{
	{name: "killed", action: "kill", end: func(t *testing.T, _ *scene, p *cast.Process) { untilEnded(t, p) }},
	{name: "slow", action: "sleep " + slowTime.String(), end: func(_ *testing.T, s *scene, _ *cast.Process) {
		wait(time.Until(s.hit.Add(slowTime)))
	}},
	{name: "stopped, killed", action: "stop", end: func(t *testing.T, _ *scene, p *cast.Process) {
		untilStopped(t, p)
		wait(haltTime)
		kill(t, p)
	}},
	{
		name: "stopped", action: "stop", excused: away, watch: recovery + 300*time.Millisecond,
		end: func(t *testing.T, _ *scene, p *cast.Process) {
			untilStopped(t, p)
			wait(stopTime)
			resume(t, p)
		},
	},
}

// resume lets a stopped process go on.
func resume(t *testing.T, p *cast.Process) {
	t.Helper()
	if err := p.Continue(); err != nil {
		t.Fatal(err)
	}
}

// crashes has every fate at every point, and targets that are lost when the owner counts
// on them.
func crashes() []trial {
	short := []string{"handoff.told killed", "takeover.locked killed", "store.committed killed", "handoff.closed slow"}
	var all []trial
	for _, f := range fates {
		for _, point := range slices.Concat(ownerPoints, targetPoints, commitPoints) {
			c := crash(point, f)
			c.short = slices.Contains(short, c.name)
			all = append(all, c)
		}
	}
	for _, point := range []string{"handoff.told", "handoff.closed", "handoff.unlocked"} {
		all = append(all, losesTarget(point))
	}
	return all
}

// crash has a process meet its fate at a point.
func crash(point string, f fate) trial {
	return trial{
		name: point + " " + f.name, excused: f.excused, exits: exits(point, f.name),
		play: func(t *testing.T, s *scene) {
			p := s.owner
			if slices.Contains(targetPoints, point) {
				p = s.target
			}
			s.watch = f.watch
			s.arm(t, p, point+" "+f.action+" once")
			if !slices.Contains(commitPoints, point) {
				s.handOff(t)
			}
			s.untilHit(t, p, point)
			f.end(t, s, p)
			s.healed()
		},
		after: func(t *testing.T, s *scene, r *report) {
			switch {
			case r.exit == 0 && r.owner != s.target.Name && !killed(t, s.target):
				r.complain("the posts were handed over, and are at %s", r.owner)
			case r.exit == noHandoff && !killed(t, s.owner) && r.epoch != s.epoch:
				r.complain("the owner was not lost, and the posts are in epoch %d", r.epoch)
			}
		},
	}
}

// exits gives the exit codes that a handoff may end with if a process has met its fate at
// a point.
func exits(point, fate string) []int {
	switch {
	case slices.Contains(commitPoints, point):
		return nil
	case point == "takeover.asked", point == "takeover.waiting":
		// The target has not said that it waits: the owner keeps the store.
		return []int{cast.ExitAborted}
	case point == "takeover.published":
		return []int{0, 1} // it has said so, or is about to
	case slices.Contains(targetPoints, point):
		return []int{1} // it had the store, and did not say so in time
	case fate == "slow" && point == "handoff.gate-closed", fate == "stopped" && point == "handoff.gate-closed":
		// The time for the work in flight is over then. If there is none, that is fine.
		return []int{0, cast.ExitAborted}
	case fate == "slow":
		return []int{0}
	case fate == "stopped" && (point == "handoff.told" || point == "handoff.closed"):
		return []int{1} // the target has given up
	case fate == "stopped":
		return []int{0}
	}
	return []int{1} // who was asked is dead
}

// losesTarget kills the target while the owner is at a point from where it goes on to let
// go of the store.
func losesTarget(point string) trial {
	return trial{
		name: point + ", target lost", exits: []int{1},
		play: func(t *testing.T, s *scene) {
			s.arm(t, s.owner, point+" sleep 100ms once")
			if point == "handoff.unlocked" {
				// The target has the lock.
				s.arm(t, s.target, "takeover.locked sleep 200ms once")
			}
			s.handOff(t)
			s.untilHit(t, s.owner, point)
			kill(t, s.target)
			s.healed()
		},
		after: func(_ *testing.T, s *scene, r *report) {
			if r.owner != s.owner.Name {
				r.complain("the posts are at %s", r.owner)
			}
		},
	}
}
