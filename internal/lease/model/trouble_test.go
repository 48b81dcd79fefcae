package model

// kinds of trouble, each of which may come so often.
const (
	handoffs = iota
	kills
	starts
	stops
	failures
	breaks
	giveUps
	replacements
	hintsSpoiled
	troubleKinds
)

const anyNumber = 0xff

// troubles is what comes from outside, at any moment.
var troubles = []step{
	{
		name: "handoff.asked", kind: trouble, over: withOther, to: stays, do: command,
		says: "somebody wants p, the owner, to hand off to q, which is able",
	}, {
		name: "kill -9", kind: trouble, over: alone, to: stays, do: kill,
		says: "the kernel frees the lock, what is not committed is gone, connections break",
	}, {
		name: "starts", kind: trouble, over: alone, to: stays, do: start,
		says: "a new process in the place of a dead one",
	}, {
		name: "SIGSTOP", kind: trouble, over: alone, to: stays, do: stop,
		says: "it takes no step, and keeps its lock",
	}, {
		name: "SIGCONT", kind: trouble, over: alone, to: stays, do: goOn,
		says: "and goes on as if no time had passed",
	}, {
		name: "takeover fails", kind: trouble, over: alone, to: stays, do: failTakeover,
		says: "an error between the lock and the gate: close, unlock, back off",
	}, {
		name: "is sent", kind: trouble, over: withWrite, to: stays, do: send,
		says: "a client sends a write to p",
	}, {
		name: "connection lost", kind: trouble, over: justWrite, to: stays, do: breakConnection,
		says: "between first hop and owner; the first hop tries again",
	}, {
		name: "deadline", kind: trouble, over: justWrite, to: stays, do: giveUp,
		says: "the client gets an error",
	}, {
		name: "the lock file is replaced", kind: trouble, over: noProcess, to: stays, do: replaceLockFile,
		says: "a person tidies up",
	}, {
		name: "owner.json is spoiled", kind: trouble, over: withAnyone, to: stays, do: spoilHint,
		says: "it is gone, nonsense, or names somebody",
	},
}

// spend takes one of a limited number of troubles.
func (w *world) spend(trouble int) bool {
	switch w.left[trouble] {
	case anyNumber:
	case 0:
		return false
	default:
		w.left[trouble]--
	}
	return true
}

func command(w *world, p, q uint8) bool {
	self := &w.processes[p]
	if self.run != up || self.phase != owner || w.processes[q].run != up || w.processes[q].phase == out || !w.spend(handoffs) {
		return false
	}
	self.phase, self.peer = asked, q
	return true
}

func kill(w *world, p, _ uint8) bool {
	lives := false
	for q := range w.processes {
		lives = lives || q != int(p) && w.processes[q].run != dead
	}
	if !lives || w.processes[p].run == dead || !w.spend(kills) {
		return false
	}
	w.processes[p] = process{run: dead, peer: nobody}
	for i := range w.writes {
		wr := &w.writes[i]
		if wr.lost == p {
			wr.lost = nobody
		}
		switch {
		case wr.first == p:
			w.endCall(wr, failed)
		case wr.at == p && wr.stage != held:
			w.retry(wr)
		}
	}
	return true
}

// retry brings a write back to its first hop.
func (w *world) retry(wr *write) {
	wr.stage, wr.at, wr.hops = held, wr.first, 0
}

// endCall ends a write for its client. What is queued of it may still commit.
func (w *world) endCall(wr *write, end stage) {
	if wr.stage == queued && w.processes[wr.at].run != dead {
		wr.lost = wr.at
	}
	*wr = write{stage: end, first: nobody, at: nobody, lost: wr.lost}
}

func start(w *world, p, _ uint8) bool {
	if w.processes[p].run != dead || !w.spend(starts) {
		return false
	}
	w.processes[p] = process{run: up, phase: forwarder, peer: nobody}
	for i := range w.files {
		if w.files[i].committer == p {
			w.files[i].committer = gone
		}
	}
	for q := range w.processes {
		// The new one has another instance id.
		if w.processes[q].peer == p {
			w.processes[q].peer = gone
		}
	}
	if w.hint == p {
		w.hint = nobody // it names nobody who listens
	}
	return true
}

func stop(w *world, p, _ uint8) bool {
	if w.processes[p].run != up || !w.spend(stops) {
		return false
	}
	w.processes[p].run = stopped
	return true
}

func goOn(w *world, p, _ uint8) bool {
	if w.processes[p].run != stopped {
		return false
	}
	w.processes[p].run = up
	return true
}

func failTakeover(w *world, p, _ uint8) bool {
	self := &w.processes[p]
	if self.run != up || !in(locked, sure, reading, opened, compared).has(self.phase) || !w.spend(failures) {
		return false
	}
	w.letGo(p)
	self.phase = forwarder
	return true
}

func send(w *world, p, i uint8) bool {
	wr := &w.writes[i]
	if wr.stage != unsent || w.processes[p].run != up {
		return false
	}
	wr.stage, wr.first, wr.at = held, p, p
	return true
}

// breakConnection leaves a try in the owner that nobody waits for: at most one of a
// write at a time.
func breakConnection(w *world, i, _ uint8) bool {
	wr := &w.writes[i]
	if wr.stage != queued && wr.stage != committed || wr.at == wr.first || wr.lost != nobody || !w.spend(breaks) {
		return false
	}
	if wr.stage == queued {
		wr.lost = wr.at
	}
	w.retry(wr)
	return true
}

func giveUp(w *world, i, _ uint8) bool {
	wr := &w.writes[i]
	waits := wr.stage == held || wr.stage == queued || wr.stage == committed
	if !waits || wr.stage == queued && wr.lost != nobody || !w.spend(giveUps) {
		return false
	}
	w.endCall(wr, failed)
	return true
}

func replaceLockFile(w *world, _, _ uint8) bool {
	if !w.replacesHeld && w.isHeld(w.path) || !w.spend(replacements) {
		return false
	}
	w.path = 1
	for i := range w.processes {
		w.path = max(w.path, w.processes[i].inode+1, w.processes[i].late+1)
	}
	return true
}

func spoilHint(w *world, p, _ uint8) bool {
	if !w.hints || w.hint == p || !w.spend(hintsSpoiled) {
		return false
	}
	w.hint = p
	return true
}
