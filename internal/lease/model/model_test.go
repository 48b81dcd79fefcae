package model

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/splitboard/splitboard/internal/failpoint"
)

var large = flag.Bool("large", false, "visit the large models as well: two minutes and 6 GB")

// limits says how often each trouble may come; those that are not there do not.
type limits = [troubleKinds]uint8

type surroundings struct {
	name string
	config
}

// models are the protocol as it should be, in several surroundings.
var models = []surroundings{
	{"two processes, connections lost, owner.json spoiled", config{
		size: 2, clients: 1, hints: true,
		limits: limits{
			handoffs: anyNumber, kills: anyNumber, starts: anyNumber, failures: anyNumber,
			breaks: anyNumber, giveUps: anyNumber, hintsSpoiled: anyNumber,
		},
	}},
	{"two processes, two writes", config{
		size: 2, clients: 2,
		limits: limits{handoffs: 1, kills: 1, starts: 1, breaks: 1},
	}},
	{"two processes, stopped", config{
		size: 2, clients: 1,
		limits: limits{handoffs: anyNumber, kills: anyNumber, starts: anyNumber, stops: anyNumber, giveUps: 1},
	}},
	{"three processes, two killed", config{
		size: 3, clients: 1,
		limits: limits{handoffs: 2, kills: 2},
	}},
	{"three processes, one stopped", config{
		size: 3, clients: 1,
		limits: limits{handoffs: 1, kills: 1, stops: 1},
	}},
	{"three processes, any number of handoffs and kills", config{
		size:   3,
		limits: limits{handoffs: anyNumber, kills: anyNumber, starts: anyNumber},
	}},
	{"three processes, the lock file replaced while it is free", config{
		size:   3,
		limits: limits{handoffs: 1, kills: 1, replacements: 2},
	}},
	{"the lock file replaced at any time, the second fence on", config{
		size: 2, clients: 1, secondFence: true, replacesHeld: true,
		limits: limits{handoffs: 1, kills: 1, starts: 1, replacements: 2},
	}},
	{"three processes, the same", config{
		size: 3, secondFence: true, replacesHeld: true,
		limits: limits{handoffs: 1, kills: 1, replacements: 2},
	}},
	{"a target with an older copy of the store", config{
		size: 2, clients: 1, olderCopy: true,
		limits: limits{handoffs: anyNumber},
	}},
}

// largeModels have millions of states.
var largeModels = []surroundings{
	{"three processes, and nothing is limited", config{
		size: 3, clients: 1,
		limits: limits{
			handoffs: anyNumber, kills: anyNumber, starts: anyNumber, failures: anyNumber,
			breaks: anyNumber, giveUps: anyNumber,
		},
	}},
	{"three processes, the lock file replaced whenever it is free", config{
		size:   3,
		limits: limits{handoffs: anyNumber, kills: 1, replacements: anyNumber},
	}},
}

// In every surroundings every state keeps every promise, and no step of the protocol is
// left out of all of them.
func TestProtocol(t *testing.T) {
	taken := map[*step]bool{}
	list := models
	if *large {
		list = slices.Concat(models, largeModels)
	}
	for _, m := range list {
		t.Run(m.name, func(t *testing.T) {
			x := explore(&m.config)
			t.Logf("%d states, depth %d", len(x.states), x.depth)
			if x.broken != "" {
				t.Errorf("after %d states:\n%s", len(x.states), x.trace())
			}
			for st := range x.taken {
				taken[st] = true
			}
		})
	}
	for i := range steps {
		if !taken[&steps[i]] {
			t.Errorf("%q is never taken", steps[i].name)
		}
	}
}

// Where the programs can be made to fail is where the model's steps end.
func TestFailPointsAreSteps(t *testing.T) {
	for _, point := range []failpoint.Point{
		failpoint.HandoffAsked, failpoint.HandoffGateClosed, failpoint.HandoffDrained, failpoint.HandoffRecorded,
		failpoint.HandoffTold, failpoint.HandoffClosed, failpoint.HandoffUnlocked,
		failpoint.TakeoverAsked, failpoint.TakeoverWaiting, failpoint.TakeoverLocked, failpoint.TakeoverOpened,
		failpoint.TakeoverCompared, failpoint.TakeoverGateOpened, failpoint.TakeoverPublished,
		failpoint.StoreCommitted,
	} {
		if !slices.ContainsFunc(steps, func(st step) bool { return st.name == string(point) }) {
			t.Errorf("no step is named %q", point)
		}
	}
}

// mistakes are ways to get the protocol wrong, with what comes of it.
var mistakes = []struct {
	name string
	mistake
	found string
	config
}{
	{"the inode is not looked at", noInodeCheck, "the path no longer names", config{
		size: 2, limits: limits{replacements: 1},
	}},
	{"the lock file is replaced under an owner, and there is no second fence", noSecondFence, "both have the store open", config{
		size: 2, replacesHeld: true, secondFence: true, limits: limits{replacements: 1},
	}},
	{"the gate is opened before the lock is there", openWithoutLock, "without the lock", config{
		size: 2,
	}},
	{"the target is told before the gate is drained", toldBeforeDrained, "does not find what it was told", config{
		size: 2, clients: 1, limits: limits{handoffs: 1},
	}},
	{"the gate is not closed", gateNotClosed, "does not find what it was told", config{
		size: 2, clients: 1, limits: limits{handoffs: 1},
	}},
	{"the lock is freed before the store is closed", unlockBeforeClose, "both have the store open", config{
		size: 2, limits: limits{handoffs: 1},
	}},
	{"the epoch is not counted", epochNotCounted, "in which another has committed", config{
		size: 2, clients: 2, limits: limits{kills: 1},
	}},
	{"the target does not compare", notCompared, "in which the acknowledged w1 is not", config{
		size: 2, clients: 1, olderCopy: true, limits: limits{handoffs: 1},
	}},
	{"there are no retry keys and the owner is killed", noRetryKeys, "is in the store 2 times", config{
		size: 2, clients: 1, limits: limits{kills: 1},
	}},
	{"there are no retry keys and a connection is lost", noRetryKeys, "is in the store 2 times", config{
		size: 2, clients: 1, limits: limits{breaks: 1},
	}},
	{"a forwarded call is forwarded", forwardsForwarded, "a call is forwarded again", config{
		size: 2, clients: 1,
	}},
	{"owner.json is believed", trustsHint, "no way leads to an owner and an answer", config{
		size: 2, clients: 1, hints: true, limits: limits{kills: 1, hintsSpoiled: 1},
	}},
	{"the old owner waits for its target for ever", neverBreaksOff, "deadlock", config{
		size: 2, limits: limits{handoffs: 1, kills: 1},
	}},
	{"a late lock is kept", lateLockKept, "no way leads to an owner", config{
		size: 2, limits: limits{handoffs: 1, kills: 1},
	}},
	{"a target refuses whatever is not exactly what it was told", everyMismatchRefused, "no older than it was told", config{
		size: 2, clients: 1, limits: limits{handoffs: 1, kills: 1},
	}},
	{"who has refused a store tries again, with nothing to compare", refusedOnce, "in which the acknowledged w1 is not", config{
		size: 2, clients: 1, olderCopy: true, limits: limits{handoffs: 1},
	}},
}

// Every mistake is found, and the same surroundings without it are fine.
func TestMistakes(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			if x := explore(&m.config); x.broken != "" {
				t.Fatalf("without the mistake:\n%s", x.trace())
			}
			m.config.mistake = m.mistake
			x := explore(&m.config)
			if x.broken == "" || !strings.Contains(x.broken, m.found) {
				t.Fatalf("%d states, depth %d: found %q, want %q", len(x.states), x.depth, x.broken, m.found)
			}
			t.Logf("found in %d states:\n%s", len(x.states), x.trace())
		})
	}
}
