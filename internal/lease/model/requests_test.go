package model

// requests is what happens to a write: the client sends it to a first hop, and sends it
// once. The first hop gives it a retry key and stays with it to the end.
var requests = []step{
	{
		name: "runs it here", over: withWrite, from: 0, to: stays, do: enter,
		says: "the gate is open: the change is queued",
	}, {
		name: "forwards w1", over: withOther, from: 0, to: stays, do: forwards(0),
		says: "whom owner.json names is asked, or each socket if that is no owner; NOT_OWNER changes nothing",
	}, {
		name: "forwards w2", over: withOther, from: 0, to: stays, do: forwards(1),
		says: "the same for the other write",
	}, {
		name: "store.committed", over: withWrite, from: storeOpen, to: stays, do: commitWrite,
		says: "the change and its key are in the store, or the key was there already",
	}, {
		name: "commits a lost try", over: withWrite, from: storeOpen, to: stays, do: commitLost,
		says: "a change commits whose caller has gone",
	}, {
		name: "answers", over: withWrite, from: 0, to: stays, do: answer,
		says: "the first hop and the client hear of it",
	},
}

func enter(w *world, p, i uint8) bool {
	wr := &w.writes[i]
	if wr.stage != held || wr.at != p || !w.enters(p) {
		return false
	}
	wr.stage = queued
	return true
}

// enters says whether a process's gate lets work in.
func (w *world) enters(p uint8) bool {
	phase := w.processes[p].phase
	return gateOpen.has(phase) || w.mistake == gateNotClosed && in(gateClosed, drained, recorded, telling, told).has(phase)
}

// forwards is the step of p forwarding a write to q.
func forwards(i uint8) func(w *world, p, q uint8) bool {
	return func(w *world, p, q uint8) bool {
		wr := &w.writes[i]
		if wr.stage != held || wr.at != p || w.enters(p) || w.processes[q].run != up {
			return false
		}
		hintIsRight := w.hint < maxProcesses && w.processes[w.hint].run == up && w.enters(w.hint)
		if w.hints && w.hint != q && (hintIsRight || w.mistake == trustsHint) {
			return false
		}
		if w.enters(q) {
			wr.stage = queued
		} else if w.mistake != forwardsForwarded {
			return false
		}
		wr.at = q
		wr.hops++
		if wr.hops > 1 {
			w.fail("a call is forwarded again, and could be for ever")
		}
		return true
	}
}

func commitWrite(w *world, p, i uint8) bool {
	wr := &w.writes[i]
	if wr.stage != queued || wr.at != p {
		return false
	}
	w.apply(p, i)
	wr.stage = committed
	return true
}

func commitLost(w *world, p, i uint8) bool {
	wr := &w.writes[i]
	if wr.lost != p {
		return false
	}
	w.apply(p, i)
	wr.lost = nobody
	return true
}

// apply commits a write, unless its key is in the store.
func (w *world) apply(p, i uint8) {
	file := w.file(p)
	if file.applied[i] > 0 && w.mistake != noRetryKeys {
		return
	}
	file.applied[i]++
	w.commit(p)
	if file.applied[i] > 1 {
		w.fail("w%d is in the store %d times", i+1, file.applied[i])
	}
}

func answer(w *world, p, i uint8) bool {
	wr := &w.writes[i]
	if wr.stage != committed || wr.at != p || w.processes[wr.first].run != up {
		return false
	}
	*wr = write{stage: acked, first: nobody, at: nobody, lost: wr.lost}
	return true
}

// file is the store's file as a process sees it.
func (w *world) file(p uint8) *store {
	if w.isElsewhere(p) {
		return &w.files[1]
	}
	return &w.files[0]
}
