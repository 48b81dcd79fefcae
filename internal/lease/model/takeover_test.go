package model

// takeover is how a process comes to own the store. A candidate begins with "tries", the
// target of a handoff with "takeover.asked", and from the lock on they are one.
// A phase in from that has no business there is for a mistake: its do asks for that.
var takeover = []step{
	{
		name: "tries", from: in(forwarder, out), to: opening, do: try,
		says: "a candidate opens the lock file that the path names",
	}, {
		name: "finds it held", from: in(opening), to: forwarder, do: letGoIfHeld,
		says: "flock without blocking fails: another time",
	}, {
		name: "takeover.waiting", from: in(named), to: waiting, do: wait,
		says: "the target opens the lock file and blocks in flock",
	}, {
		name: "takeover.locked", from: in(opening, waiting), to: locked, do: lock,
		says: "the kernel gives the lock, in no promised order",
	}, {
		name: "sees its inode", from: in(locked), to: sure, do: seeInode,
		says: "the path still names the file that is locked",
	}, {
		name: "sees another inode", from: in(locked), to: stays, do: seeOtherInode,
		says: "the file was replaced: let go, and begin again",
	}, {
		name: "opens the store", from: in(sure, opening), to: reading, do: openStore,
		says: "the file is opened and its epoch read",
	}, {
		name: "cannot open the store", from: in(sure), to: forwarder, do: findFenced,
		says: "the second fence is held: let go of the lock, and back off",
	}, {
		name: "takeover.opened", from: in(reading), to: opened, do: beginEpoch,
		says: "epoch + 1 is committed",
	}, {
		name: "takeover.compared", from: in(opened), to: compared, do: compare,
		says: "the store is as it was told, or has gone on since, or nothing was told",
	}, {
		name: "refuses the store", from: in(opened), to: out, do: refuse,
		says: "it is not: close, let go of the lock, and never try again",
	}, {
		name: "takeover.gate-opened", from: in(compared), to: gateOpened, do: always,
		says: "what comes is run",
	}, {
		name: "takeover.published", from: in(gateOpened), to: owner, do: publish,
		says: "owner.json is replaced",
	}, {
		name: "gives the takeover up", from: in(named, waiting), to: forwarder, do: stopWaiting,
		says: "the old owner is gone, has broken off, or takes too long; what is in flock stays there",
	}, {
		name: "late lock comes", from: 0, to: stays, do: lockLate,
		says: "the kernel gives the lock to a waiter who wants it no more",
	}, {
		name: "late lock is let go", from: 0, to: stays, do: unlockLate,
		says: "at once",
	},
}

func always(*world, uint8, uint8) bool { return true }

func try(w *world, p, _ uint8) bool {
	self := &w.processes[p]
	if self.phase == out && w.mistake != refusedOnce || self.phase == forwarder && w.isElsewhere(p) {
		return false
	}
	self.inode = w.path
	return true
}

// isElsewhere says whether a process's folder has an older copy of the store. It does
// not try by itself: with nothing to compare, nobody could tell.
func (m *config) isElsewhere(p uint8) bool { return m.olderCopy && p == 1 }

func letGoIfHeld(w *world, p, _ uint8) bool {
	if !w.isHeld(w.processes[p].inode) {
		return false
	}
	w.processes[p].inode = 0
	return true
}

// wait takes a late waiter's place, if the process has one.
func wait(w *world, p, _ uint8) bool {
	self := &w.processes[p]
	switch {
	case self.lateHolds:
		return false
	case self.late != 0:
		self.inode, self.late = self.late, 0
	default:
		self.inode = w.path
	}
	return true
}

func lock(w *world, p, _ uint8) bool {
	if w.isHeld(w.processes[p].inode) {
		return false
	}
	w.processes[p].holds = true
	return true
}

func (w *world) unlock(p uint8) {
	w.processes[p].holds, w.processes[p].inode = false, 0
}

func seeInode(w *world, p, _ uint8) bool {
	return w.processes[p].inode == w.path || w.mistake == noInodeCheck
}

func seeOtherInode(w *world, p, _ uint8) bool {
	self := &w.processes[p]
	if self.inode == w.path {
		return false
	}
	w.unlock(p)
	self.phase = forwarder
	if self.expects {
		self.phase = named
	}
	return true
}

// isFenced says whether another process's open store keeps p from opening it.
func (w *world) isFenced(p uint8) bool {
	for q := range w.processes {
		if w.secondFence && w.mistake != noSecondFence && q != int(p) && storeOpen.has(w.processes[q].phase) {
			return true
		}
	}
	return false
}

func openStore(w *world, p, _ uint8) bool {
	self := &w.processes[p]
	if w.isFenced(p) || self.phase == opening && w.mistake != openWithoutLock {
		return false
	}
	self.epoch = w.file(p).epoch
	return true
}

func findFenced(w *world, p, _ uint8) bool {
	if !w.isFenced(p) {
		return false
	}
	w.letGo(p)
	return true
}

// letGo gives up all that p has on its way to owning.
func (w *world) letGo(p uint8) {
	w.unlock(p)
	w.processes[p].epoch = 0
	w.forget(p)
}

// forget ends p's part as a target.
func (w *world) forget(p uint8) {
	self := &w.processes[p]
	self.peer, self.expects, self.wantEpoch, self.wantSeq = nobody, false, 0, 0
}

func beginEpoch(w *world, p, _ uint8) bool {
	if w.mistake == epochNotCounted {
		return true
	}
	self, file := &w.processes[p], w.file(p)
	self.epoch++
	if self.epoch <= file.epoch {
		w.fail("%s begins epoch %d, which has been", who(p), self.epoch)
	}
	file.epoch, file.committer = self.epoch, nobody
	w.commit(p)
	return true
}

// compare goes on if the store is what the process expects. A store that is ahead of
// that is right as well: its owner broke the handoff off and wrote on, or another
// candidate was quicker, and both are gone.
func compare(w *world, p, _ uint8) bool {
	self := &w.processes[p]
	if !w.isExpected(p) {
		return false
	}
	if old := self.peer; self.expects && old != gone && w.processes[old].phase == handed && w.processes[old].peer == p &&
		self.epoch == self.wantEpoch+1 && w.file(p).seq() != self.wantSeq {
		w.fail("%s does not find what it was told, and the handoff was not broken off", who(p))
	}
	w.forget(p)
	return true
}

func (w *world) isExpected(p uint8) bool {
	self := &w.processes[p]
	seq, ahead := w.file(p).seq(), self.epoch > self.wantEpoch
	if w.mistake == everyMismatchRefused {
		return !self.expects || self.epoch == self.wantEpoch+1 && seq == self.wantSeq
	}
	return !self.expects || ahead && seq >= self.wantSeq || w.mistake == notCompared
}

func refuse(w *world, p, _ uint8) bool {
	if w.isExpected(p) {
		return false
	}
	if !w.isElsewhere(p) {
		w.fail("%s refuses, for ever, a store that is no older than it was told", who(p))
	}
	w.letGo(p)
	return true
}

func publish(w *world, p, _ uint8) bool {
	if w.hints {
		w.hint = p
	}
	return true
}

func stopWaiting(w *world, p, _ uint8) bool {
	self := &w.processes[p]
	self.late, self.inode = self.inode, 0
	w.forget(p)
	return true
}

func lockLate(w *world, p, _ uint8) bool {
	self := &w.processes[p]
	if self.late == 0 || w.isHeld(self.late) {
		return false
	}
	self.lateHolds = true
	return true
}

func unlockLate(w *world, p, _ uint8) bool {
	self := &w.processes[p]
	if !self.lateHolds || w.mistake == lateLockKept {
		return false
	}
	self.late, self.lateHolds = 0, false
	return true
}
