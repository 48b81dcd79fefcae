package model

// mistake is one that is put into the protocol, to see that it is found.
type mistake uint8

const (
	noMistake mistake = iota
	noInodeCheck
	openWithoutLock
	epochNotCounted
	notCompared
	toldBeforeDrained
	gateNotClosed
	unlockBeforeClose
	noRetryKeys
	forwardsForwarded
	trustsHint
	neverBreaksOff
	everyMismatchRefused
	refusedOnce
	lateLockKept
	noSecondFence
)

// A config is one model: how many take part, and what may happen to them.
type config struct {
	size, clients int
	limits        [troubleKinds]uint8
	mistake       mistake

	// secondFence is bbolt's own lock on the store's file.
	secondFence bool
	// replacesHeld lets the person replace the lock file while a process holds it.
	replacesHeld bool
	// olderCopy gives B an older copy of the store instead of the store.
	olderCopy bool
	// hints has owner.json; without it the sockets are asked.
	hints bool
}

// start is a service that has just been started, on a new store.
func (m *config) start() state {
	s := state{path: 1, hint: nobody, left: m.limits}
	for i := range s.processes {
		s.processes[i].peer = nobody
		if i < m.size {
			s.processes[i].run = up
		}
	}
	for i := range s.files {
		s.files[i].committer = nobody
	}
	for i := range s.writes {
		s.writes[i] = write{first: nobody, at: nobody, lost: nobody}
	}
	return s
}

// commit is looked at whenever a process commits to the store's file.
func (w *world) commit(p uint8) {
	self, file := &w.processes[p], w.file(p)
	switch {
	case self.epoch < file.epoch:
		w.fail("%s commits in epoch %d after epoch %d has begun", who(p), self.epoch, file.epoch)
	case file.committer != nobody && file.committer != p:
		w.fail("%s commits in epoch %d, in which another has committed", who(p), self.epoch)
	case !self.holds:
		w.fail("%s commits without the lock", who(p))
	case self.inode != w.path && !w.secondFence:
		w.fail("%s commits with the lock on a file that the path no longer names", who(p))
	}
	file.committer = p
}

// look looks at the state after a step.
func (w *world) look() {
	for p := range uint8(w.size) {
		self := &w.processes[p]
		for q := range p {
			if storeOpen.has(self.phase) && storeOpen.has(w.processes[q].phase) && w.file(p) == w.file(q) {
				w.fail("%s and %s both have the store open", who(q), who(p))
			}
		}
		for i := range w.writes {
			if gateOpen.has(self.phase) && w.writes[i].stage == acked && w.file(p).applied[i] == 0 {
				w.fail("%s serves a store in which the acknowledged w%d is not", who(p), i+1)
			}
		}
	}
}

// well says whether a process owns and every request is answered.
func (m *config) well(s *state) bool {
	owned := false
	for i := range s.processes {
		owned = owned || s.processes[i].run == up && s.processes[i].phase == owner
	}
	for i := range s.writes {
		if st := s.writes[i].stage; st == held || st == queued || st == committed {
			return false
		}
	}
	return owned
}
