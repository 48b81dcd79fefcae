package drills

import (
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// rivalRounds is how often two handoffs are asked for at once.
const rivalRounds = 8

// rivals have two operators who want different things at once.
func rivals() []trial {
	return []trial{{
		name: "two handoffs at once",
		play: func(t *testing.T, s *scene) {
			third := s.start(t, "third", cast.Monolith)
			s.fault()
			moved := 0
			for range rivalRounds {
				from := s.mustOwn(t, load.Posts)
				var to []*cast.Process
				for _, p := range []*cast.Process{s.owner, s.target, third} {
					if p != from {
						to = append(to, p)
					}
				}
				moved += s.rivalry(t, to)
				s.asked(t, 10)
			}
			t.Logf("of %d handoffs, two at a time, %d moved the posts", 2*rivalRounds, moved)
			s.healed()
		},
	}}
}

// rivalry asks for a handoff to each of two processes at once, and tells how many were
// done. One must be; the other one comes too early or too late, and changes nothing, or is
// another one that comes after it.
func (s *scene) rivalry(t *testing.T, to []*cast.Process) (moved int) {
	t.Helper()
	ctx, ends := soon(t), make(chan error, len(to))
	began := time.Now()
	for _, p := range to {
		go func() {
			_, err := s.operator().Handoff(ctx, load.Posts, p.Instance())
			ends <- err
		}()
	}
	for range to {
		err := <-ends
		switch cast.ExitCode(err) {
		case 0:
			moved++
		case cast.ExitAborted:
		default:
			t.Error(err)
		}
	}
	if moved == 0 {
		t.Error("no handoff was done")
	}
	owner := s.mustOwn(t, load.Posts)
	t.Logf("%d done in %s; the posts are at %s", moved, brief(time.Since(began)), owner.Name)
	if owner != to[0] && owner != to[1] {
		t.Error("nobody wanted that")
	}
	return moved
}
