package lease

import (
	"context"
	"slices"
	"sync"
	"time"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

const (
	// findEvery is how often the owner is looked for while requests wait.
	findEvery = time.Millisecond
	// findIdle is how often while none does, and findTired after tiredAfter of that.
	findIdle   = 20 * time.Millisecond
	findTired  = 250 * time.Millisecond
	tiredAfter = 5 * time.Second
	// askTimeout bounds a question to one process, which may have been stopped.
	askTimeout = 100 * time.Millisecond
	// askAllEvery is how often all are asked and not only those that are named as the
	// owner.
	askAllEvery = 20 * time.Millisecond
	// pruneEvery is how often the connections to processes that have gone are closed, which
	// gRPC would dial for ever, and how often the hint is looked at though an owner is known.
	pruneEvery = time.Second
)

// findLoop looks for the owner whenever none is known. There is one in a process, however
// many requests wait.
func (l *Lease) findLoop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var askedAll, pruned time.Time
	known := time.Now() // when there last was an owner
	busy := known       // or somebody waited
	told := false       // that there is no owner
	for {
		v := l.view.Load()
		if v.role != moving && time.Since(pruned) >= pruneEvery {
			pruned = time.Now()
			l.links.prune(v.link)
			if v.role == forwarding && l.follow(ctx, v) {
				continue
			}
		}
		if v.role == searching {
			all := time.Since(askedAll) >= askAllEvery
			if all {
				askedAll = time.Now()
			}
			if k := l.find(ctx, v.hint, all); k != nil && l.forwardTo(ctx, v, k) {
				continue
			}
		}
		switch {
		case v.role != searching:
			known, busy, told = time.Now(), time.Now(), false
			timer.Reset(pruneEvery)
		case l.held.any():
			busy = time.Now()
			timer.Reset(findEvery)
		case time.Since(busy) < tiredAfter:
			timer.Reset(findIdle)
		default:
			timer.Reset(findTired)
		}
		if !told && time.Since(known) > tiredAfter {
			told = true
			l.Log.Warn("finds nobody who owns the store; requests wait for 2 s and fail")
		}
		select {
		case <-ctx.Done():
			return
		case <-v.next:
		case <-l.wanted:
		case <-timer.C:
		}
	}
}

// follow turns to the process that the hint names, if that owns the store. The one that v
// forwards to may have handed it on, and if no request finds that out, or if it has been
// stopped since, nothing else tells.
func (l *Lease) follow(ctx context.Context, v *view) bool {
	o, err := ReadOwner(l.Dir)
	if err != nil || o.Instance == v.link.instance || o.Instance == l.Self.Instance {
		return false
	}
	k, _ := l.ask(ctx, o.Instance)
	return k != nil && l.forwardTo(ctx, v, k)
}

// forwardTo makes k the owner as requests see it, instead of v, until it is lost.
func (l *Lease) forwardTo(ctx context.Context, v *view, k *link) bool {
	next := &view{role: forwarding, link: k}
	if !l.showInstead(v, next) {
		return false
	}
	l.met.Store(true)
	l.watch(ctx, next)
	if !l.NeverOwn {
		l.running.Go(func() { l.learn(ctx, k) })
	}
	return true
}

// learn asks the owner what a binary must know to own the store. A process that does not
// know it is no candidate, and says so while that can still be mended.
func (l *Lease) learn(ctx context.Context, k *link) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	resp, err := k.admin.GetStatus(ctx, &adminv1.GetStatusRequest{})
	if err != nil {
		return // it will show when the process tries
	}
	for _, s := range resp.GetStores() {
		if s.GetService() != l.Schema.Service {
			continue
		}
		why := l.tooOld(uint32(s.GetMinReader())) //nolint:gosec // a schema's version is positive
		if why == "" {
			continue
		}
		if before := l.refusal.Swap(&why); before == nil || *before != why {
			l.Log.Warn("is no candidate for the store, and only forwards", "because", why)
		}
	}
}

// watch notices when the owner that a view forwards to is lost. It asks nobody: the
// kernel closes a dead process's socket.
func (l *Lease) watch(ctx context.Context, v *view) {
	watching, done := context.WithCancel(ctx)
	go func() {
		select {
		case <-v.next:
		case <-watching.Done():
		}
		done()
	}()
	go func() {
		defer done()
		v.link.lost(watching)
		l.leave(v, "", true)
	}()
}

// leave stops forwarding to the owner of a view, because it was lost or is no owner any
// more and may have named the next one.
func (l *Lease) leave(v *view, next string, lost bool) {
	l.showInstead(v, &view{role: searching, hint: next, lost: lost})
}

// find asks those who may be the owner, and gives the connection to the one that is, or
// nil. The one that was named is asked first, then the one in the hint, then, if all is
// set, everybody who has a socket.
func (l *Lease) find(ctx context.Context, named string, all bool) *link {
	asked := []string{l.Self.Instance}
	for range 2 { // a process that is asked may know better
		if named == "" || slices.Contains(asked, named) {
			break
		}
		asked = append(asked, named)
		k, next := l.ask(ctx, named)
		if k != nil {
			return k
		}
		named = next
	}
	if o, err := ReadOwner(l.Dir); err == nil && !slices.Contains(asked, o.Instance) {
		asked = append(asked, o.Instance)
		if k, _ := l.ask(ctx, o.Instance); k != nil {
			return k
		}
	}
	if !all {
		return nil
	}
	return l.askAll(ctx, asked)
}

// askAll asks everybody who has a socket, but for some, at once: one who does not answer
// holds up nobody.
func (l *Lease) askAll(ctx context.Context, but []string) *link {
	var asking sync.WaitGroup
	ids := instances(l.Dir)
	answers := make(chan *link, len(ids))
	for _, id := range ids {
		if slices.Contains(but, id) {
			continue
		}
		asking.Go(func() {
			// The connections that questions go over would dial a dead process's again
			// and again.
			if living, err := Listens(SocketPath(l.Dir, id), askTimeout); !living || err != nil {
				return
			}
			if k, _ := l.ask(ctx, id); k != nil {
				answers <- k
			}
		})
	}
	go func() { asking.Wait(); close(answers) }()
	return <-answers
}

// doubt asks the owner that a view forwards to whether it still owns the store, and leaves
// it if it does not say so. One question at a time is enough.
func (l *Lease) doubt(v *view) {
	if !l.doubting.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer l.doubting.Store(false)
		if k, next := l.ask(l.life, v.link.instance); k == nil {
			l.leave(v, next, false)
		}
	}()
}

// ask asks a process whether it owns the store. It gives the connection to it if it does,
// and otherwise who it thinks does.
func (l *Lease) ask(ctx context.Context, instance string) (k *link, next string) {
	k, err := l.links.to(instance) //nolint:contextcheck // it outlives the question
	if err != nil {
		return nil, ""
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	resp, err := k.admin.GetOwner(ctx, &adminv1.GetOwnerRequest{Service: l.Schema.Service})
	switch {
	case err != nil:
		return nil, ""
	case !resp.GetOwning():
		return nil, resp.GetOwner()
	}
	return k, ""
}
