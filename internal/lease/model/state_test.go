package model

import (
	"fmt"
	"strings"
)

const (
	maxProcesses = 3
	maxWrites    = 2

	nobody = 0xff // no process
	gone   = 0xfe // a process that is no more
)

// run is what the kernel says of a process.
type run uint8

const (
	dead run = iota
	stopped
	up
)

// phase is how far a process is in the protocol.
type phase uint8

const (
	forwarder phase = iota
	out             // refused its store: no candidate any more

	opening    // has the lock file open and is about to try
	named      // is the target, and knows what to expect
	waiting    // is blocked in flock
	locked     // has the lock on what the path named a moment ago
	sure       // has the lock on what the path names
	reading    // has the store open and has read its epoch
	opened     // has begun its own epoch
	compared   // knows that the store is the one that it was told of
	gateOpened // serves

	owner // and has said so in owner.json

	asked      // the target is able
	gateClosed // nothing enters
	drained    // nothing is inside
	recorded   // the store says to whom it goes
	telling    // the target is told what to expect
	told       // and has said that it waits
	closed     // the store is closed
	handed     // the lock is free, and the target is to take it
)

var phaseNames = [...]string{
	"forwarder", "out", "opening", "named", "waiting", "locked", "sure", "reading", "opened", "compared", "gate-opened",
	"owner", "asked", "gate-closed", "drained", "recorded", "telling", "told", "closed", "handed",
}

// phases is a set of them.
type phases uint32

func in(list ...phase) (set phases) {
	for _, p := range list {
		set |= 1 << p
	}
	return set
}

func (set phases) has(p phase) bool { return set>>p&1 == 1 }

var (
	storeOpen = in(reading, opened, compared, gateOpened, owner, asked, gateClosed, drained, recorded, telling, told)
	gateOpen  = in(gateOpened, owner, asked)
)

type process struct {
	run       run
	phase     phase
	inode     uint8 // of the lock file that it has open, 0 if none
	holds     bool  // the lock on that
	late      uint8 // the inode of a lock that it waits for and wants no more, 0 if none
	lateHolds bool  // it has got that
	epoch     uint8 // what it read, then what it made of it
	peer      uint8 // the other side of a handoff, or nobody
	expects   bool  // it was told what to expect:
	wantEpoch uint8
	wantSeq   uint8
}

// store is what is committed in a store's file.
type store struct {
	epoch     uint8
	committer uint8 // who has committed in that epoch
	applied   [maxWrites]uint8
}

// seq is the store's last sequence.
func (f *store) seq() (n uint8) {
	for _, a := range f.applied {
		n += a
	}
	return n
}

// stage is how far a write is.
type stage uint8

const (
	unsent    stage = iota
	held            // at its first hop
	queued          // inside an owner's gate
	committed       // there, and not answered
	acked
	failed // the client got an error, or nothing: it cannot know
)

var stageNames = [...]string{"unsent", "held", "queued", "committed", "acked", "failed"}

type write struct {
	stage stage
	first uint8 // the first hop
	at    uint8 // where it is now
	hops  uint8 // how often it was forwarded to get there
	// lost is a process in whose queue a try of this write lies that nobody waits for.
	lost uint8
}

// state is all that is; equal states are the same.
type state struct {
	processes [maxProcesses]process
	path      uint8    // the inode that the lock file's path names
	hint      uint8    // whom owner.json names, nobody if it is missing or nonsense
	files     [2]store // the store, and an older copy of it
	writes    [maxWrites]write
	left      [troubleKinds]uint8 // how often each trouble may still come
}

// calm says that no process is stopped.
func (s *state) calm() bool {
	for i := range s.processes {
		if s.processes[i].run == stopped {
			return false
		}
	}
	return true
}

// isHeld says whether a process holds the lock on an inode.
func (s *state) isHeld(inode uint8) bool {
	for i := range s.processes {
		p := &s.processes[i]
		if p.holds && p.inode == inode || p.lateHolds && p.late == inode {
			return true
		}
	}
	return false
}

// normalize makes states equal that differ in nothing that matters: epochs count from
// the store's last one, and inodes are numbered from the one that the path names.
func (s *state) normalize() {
	const last, lowest = 3, 1
	if file := &s.files[0]; file.epoch > last {
		shift := file.epoch - last
		file.epoch = last
		for i := range s.processes {
			p := &s.processes[i]
			p.epoch = lower(p.epoch, shift, lowest)
			p.wantEpoch = lower(p.wantEpoch, shift, lowest)
		}
	}
	names := [2*maxProcesses + 3]uint8{}
	names[s.path] = 1
	next := uint8(2)
	for i := range s.processes {
		p := &s.processes[i]
		for _, inode := range []*uint8{&p.inode, &p.late} {
			if *inode == 0 {
				continue
			}
			if names[*inode] == 0 {
				names[*inode] = next
				next++
			}
			*inode = names[*inode]
		}
	}
	s.path = 1
}

// lower moves an epoch down, but not below the lowest; 0 is none.
func lower(epoch, shift, lowest uint8) uint8 {
	switch {
	case epoch == 0:
		return 0
	case epoch < shift+lowest:
		return lowest
	}
	return epoch - shift
}

func who(p uint8) string {
	if p < maxProcesses {
		return string("ABC"[p])
	}
	return "-"
}

// show tells a state in one line.
func (m *config) show(s *state) string {
	var b strings.Builder
	for i := range m.size {
		p := &s.processes[i]
		name := phaseNames[p.phase]
		switch p.run {
		case dead:
			name = "dead"
		case stopped:
			name += "(stopped)"
		case up:
		}
		fmt.Fprintf(&b, "%s %s", who(uint8(i)), name)
		if p.holds {
			fmt.Fprintf(&b, " lock%d", p.inode)
		}
		if p.epoch != 0 {
			fmt.Fprintf(&b, " epoch %d", p.epoch)
		}
		if p.late != 0 {
			b.WriteString(" (and a late waiter)")
		}
		b.WriteString(" · ")
	}
	fmt.Fprintf(&b, "store epoch %d", s.files[0].epoch)
	for i := range m.clients {
		w := &s.writes[i]
		fmt.Fprintf(&b, " · w%d ×%d %s", i+1, s.files[0].applied[i], stageNames[w.stage])
		if w.stage != unsent && w.stage != acked && w.stage != failed {
			fmt.Fprintf(&b, " at %s", who(w.at))
		}
	}
	return b.String()
}
