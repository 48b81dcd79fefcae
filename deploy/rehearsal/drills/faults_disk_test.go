package drills

import (
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// diskFaults are what a disk does to the owner.
func diskFaults() []trial {
	return []trial{
		{
			name: "no room", short: true, excused: full,
			play: func(t *testing.T, s *scene) {
				s.arm(t, s.owner, "store.commit enospc")
				s.untilHit(t, s.owner, "store.commit enospc")
				wait(time.Second)
				s.arm(t, s.owner)
				s.healed()
			},
			after: wantFull,
		},
		{
			name: "no room, handoff", excused: full, exits: []int{cast.ExitAborted},
			play: func(t *testing.T, s *scene) {
				s.arm(t, s.owner, "store.commit enospc")
				s.untilHit(t, s.owner, "store.commit enospc")
				s.handOff(t)
				s.handedOff(t)
				wait(time.Second)
				s.arm(t, s.owner)
				s.healed()
			},
			after: wantFull,
		},
		{
			// Whether the sync has written anything nobody can know: the owner ends itself.
			name: "a sync fails",
			play: func(t *testing.T, s *scene) {
				s.arm(t, s.owner, "store.commit eio once")
				s.untilHit(t, s.owner, "store.commit eio")
				untilEnded(t, s.owner)
				s.healed()
			},
			after: wantEnded,
		},
		{
			name: "slow syncs",
			play: func(t *testing.T, s *scene) {
				s.arm(t, s.owner, "store.commit sleep 300ms")
				s.untilHit(t, s.owner, "store.commit sleep")
				wait(3 * time.Second) // longer than the watchdog waits
				s.arm(t, s.owner)
				s.healed()
			},
			after: func(_ *testing.T, s *scene, r *report) {
				if r.owner != s.owner.Name || r.epoch != s.epoch {
					r.complain("the posts are at %s in epoch %d, though the owner was only slow", r.owner, r.epoch)
				}
			},
		},
		{
			name: "a sync hangs", excused: hung,
			play: func(t *testing.T, s *scene) {
				s.arm(t, s.owner, "store.commit sleep 3s once")
				s.untilHit(t, s.owner, "store.commit sleep")
				untilEnded(t, s.owner)
				s.healed()
			},
			after: func(t *testing.T, s *scene, r *report) {
				wantEnded(t, s, r)
				if took := r.over - r.hit; took > 2750*time.Millisecond || !strings.Contains(s.owner.Log(), "no commit has ended for too long") {
					r.complain("it ended after %s", took)
				}
			},
		},
		{
			name: "slow readers, handoff", exits: []int{cast.ExitAborted},
			play: func(t *testing.T, s *scene) {
				// The handoff reads, too: that shall not be slow.
				s.arm(t, s.owner, "handoff.asked sleep 300ms once")
				s.handOff(t)
				s.untilHit(t, s.owner, "handoff.asked")
				s.arm(t, s.owner, "store.view sleep 1500ms")
				s.handedOff(t)
				s.arm(t, s.owner)
				s.healed()
			},
		},
	}
}

// full excuses writes for which there was no room.
func full(_ *scene, r *load.Record) bool {
	return r.Kind.Write() && strings.Contains(r.Err, "the store has no room for writes; reads go on")
}

// wantFull fails if writes were done while there was no room, or reads were not.
func wantFull(_ *testing.T, s *scene, r *report) {
	reads, writes := 0, 0
	for i := range r.records {
		// A commit from before the fault is answered a little later.
		if rec := &r.records[i]; rec.Failed() || rec.Start < r.hit || rec.End > r.over {
			continue
		} else if rec.Kind.Write() {
			writes++
		} else {
			reads++
		}
	}
	if reads < 50 || writes > 0 || r.failed == 0 {
		r.complain("without room, %d reads and %d writes were answered, and %d writes failed", reads, writes, r.failed)
	}
	if r.owner != s.owner.Name || r.epoch != s.epoch {
		r.complain("the posts are at %s in epoch %d", r.owner, r.epoch)
	}
}

// hung excuses writes that had waited for a commit for longer than requests do.
func hung(s *scene, r *load.Record) bool { return r.Kind.Write() && away(s, r) }

// wantEnded fails unless the owner has ended itself, and the target owns all.
func wantEnded(t *testing.T, s *scene, r *report) {
	if code, err := s.owner.Wait(soon(t)); code != 1 || err != nil || r.owner != s.target.Name {
		r.complain("the owner ended with %d, %v, and the posts are at %s", code, err, r.owner)
	}
}
