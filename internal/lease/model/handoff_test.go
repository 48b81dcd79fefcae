package model

// handoff is how an owner gives the store to a target.
var handoff = []step{
	{
		name: "handoff.gate-closed", from: in(asked), to: gateClosed, do: always,
		says: "nothing enters; what comes is held, or answered NOT_OWNER",
	}, {
		name: "handoff.drained", from: in(gateClosed), to: drained, do: drain,
		says: "no work is in flight",
	}, {
		name: "handoff.recorded", from: in(drained), to: recorded, do: record,
		says: "the handoff record is committed",
	}, {
		name: "takeover.asked", over: withOther, from: in(recorded), to: telling, do: tell,
		says: "p tells q what epoch, sequence and checksum to expect",
	}, {
		name: "handoff.told", over: withOther, from: in(telling), to: told, do: hear,
		says: "q has said that it waits for the lock",
	}, {
		name: "handoff.closed", from: in(told), to: closed, do: closeStore,
		says: "the store is closed",
	}, {
		name: "handoff.unlocked", from: in(closed, told), to: stays, do: release,
		says: "the lock is free",
	}, {
		name: "is a candidate again", from: in(handed), to: forwarder, do: endHandoff,
		says: "the target has published, is gone, or took too long",
	}, {
		name: "breaks the handoff off", from: in(asked, gateClosed, drained, recorded, telling), to: owner, do: breakOff,
		says: "the drain took too long, the target is busy, gone, or does not answer: open the gate again",
	},
}

func drain(w *world, p, _ uint8) bool {
	if w.mistake == toldBeforeDrained {
		return true
	}
	for i := range w.writes {
		if wr := &w.writes[i]; wr.stage == queued && wr.at == p || wr.lost == p {
			return false
		}
	}
	return true
}

func record(w *world, p, _ uint8) bool {
	w.commit(p)
	return true
}

func tell(w *world, p, q uint8) bool {
	target := &w.processes[q]
	if w.processes[p].peer != q || target.run != up || target.phase != forwarder {
		return false
	}
	target.phase, target.peer = named, p
	target.expects, target.wantEpoch, target.wantSeq = true, w.processes[p].epoch, w.file(p).seq()
	return true
}

func hear(w *world, p, q uint8) bool {
	target := &w.processes[q]
	return w.processes[p].peer == q && target.run == up && target.peer == p && target.phase != named
}

func closeStore(w *world, p, _ uint8) bool {
	w.processes[p].epoch = 0
	return true
}

func release(w *world, p, _ uint8) bool {
	self := &w.processes[p]
	switch {
	case self.phase == closed:
		w.unlock(p)
		self.phase = handed
	case w.mistake == unlockBeforeClose && self.holds:
		w.unlock(p)
	default:
		return false
	}
	return true
}

func endHandoff(w *world, p, _ uint8) bool {
	w.processes[p].peer = nobody
	return true
}

func breakOff(w *world, p, _ uint8) bool {
	if w.mistake == neverBreaksOff {
		return false
	}
	w.processes[p].peer = nobody
	return true
}
