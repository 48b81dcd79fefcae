package lease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/failpoint"
	"github.com/splitboard/splitboard/internal/store"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

const (
	// drainTimeout is how long a handoff waits for the work in flight.
	drainTimeout = 500 * time.Millisecond
	// tellTimeout is how long it waits for the target to say that it waits for the lock.
	tellTimeout = 500 * time.Millisecond
	// closeTimeout is how long the store may take to close. Then the process ends: that
	// closes it too.
	closeTimeout = 500 * time.Millisecond
	// ownTimeout is how long it waits for the target to own the store.
	ownTimeout = 500 * time.Millisecond
	// recordTimeout is how long the record of a handoff may take to be committed, as long
	// as any commit may.
	recordTimeout = 2 * time.Second
	// checkTimeout bounds the question whether a process is able.
	checkTimeout = time.Second
)

// A Report is told of each step of a handoff when it is done.
type Report func(step adminv1.HandoffStep, p *store.Position)

// HandOff moves the store from this process, which must own it, to another instance. If
// dryRun is set it only asks that one. It returns ErrRefused and store.ErrClosed with
// nothing changed, and ErrAborted, whose message says how things stand.
func (l *Lease) HandOff(ctx context.Context, to string, dryRun bool, report Report) error {
	if !l.beginSoon() {
		return ErrAborted.Message("a handoff of this store is under way already; nothing was changed")
	}
	defer l.end()
	if l.lock == nil {
		_, owner := l.Owner()
		return errNotHere.With(ownerMetadata, owner)
	}
	if to == l.Self.Instance {
		return ErrRefused.Message("this process owns the store already")
	}
	k, err := l.links.to(to) //nolint:contextcheck // it outlives the handoff
	if err != nil {
		return ErrRefused.Because(err)
	}
	if refusal, err := l.check(ctx, k); err != nil || refusal != "" {
		if refusal == "" {
			refusal = "it does not answer: " + status.Convert(err).Message()
		}
		return ErrRefused.Message(fmt.Sprintf("%s cannot own the store: %s", to, refusal))
	}
	failpoint.Hit(failpoint.HandoffAsked)
	report(adminv1.HandoffStep_HANDOFF_STEP_ASKED, nil)
	if dryRun {
		return nil
	}
	// From here on the end is the same whether or not somebody still listens.
	ctx = context.WithoutCancel(ctx)
	l.show(&view{role: moving, hint: to})
	t := &telling{}
	defer t.end()
	closed, err := l.prepare(ctx, k, t, report)
	if err != nil {
		l.Store.OpenGate()
		l.show(&view{role: owning})
		l.note(event{Event: eventAborts, To: to, Why: err.Error()})
		l.Log.Warn("handoff broken off; this process owns the store as before", "to", to, "error", err)
		return ErrAborted.Message(fmt.Sprintf("the handoff was broken off, and %s owns the store as before: %s",
			l.Self.Instance, status.Convert(err).Message())).Because(err)
	}
	if err := l.letGo(to, report); err != nil {
		return err
	}
	return l.confirm(k, t, closed, report)
}

// check asks a process whether it could own the store.
func (l *Lease) check(ctx context.Context, k *link) (refusal string, err error) {
	info, err := l.Store.Info()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	resp, err := k.admin.CheckTakeover(ctx, &adminv1.CheckTakeoverRequest{
		Service: l.Schema.Service, MinReader: int32(info.MinReader), //nolint:gosec // a schema's version is small
	})
	return resp.GetRefusal(), err
}

// A telling is the conversation with the target.
type telling struct {
	cancel context.CancelFunc
	told   chan taken // what the target says, in order
}

type taken struct {
	owned *adminv1.Position // nil: it waits for the lock
	err   error
}

func (t *telling) end() {
	if t.cancel != nil {
		t.cancel()
	}
}

// next gives what the target says next.
func (t *telling) next(timeout time.Duration) taken {
	select {
	case said := <-t.told:
		return said
	case <-time.After(timeout):
		return taken{err: fmt.Errorf("the target did not answer within %s", timeout)}
	}
}

// prepare does all that can still be taken back: it closes the gate, waits for the work
// in flight, records the handoff, and makes the target wait for the lock. It returns when
// it closed the gate.
func (l *Lease) prepare(ctx context.Context, k *link, t *telling, report Report) (closed time.Time, err error) {
	draining, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	report(adminv1.HandoffStep_HANDOFF_STEP_GATE_CLOSED, nil)
	closed = time.Now()
	if err := l.Store.CloseGate(draining); err != nil {
		return closed, fmt.Errorf("the work in flight did not end within %s: %w", drainTimeout, err)
	}
	failpoint.Hit(failpoint.HandoffDrained)
	report(adminv1.HandoffStep_HANDOFF_STEP_DRAINED, nil)
	if err := l.within(recordTimeout, "recording a handoff", func() error {
		return l.Store.RecordHandoff(store.Handoff{From: l.Self.Instance, To: k.instance, Time: time.Now()})
	}); err != nil {
		return closed, fmt.Errorf("recording it: %w", err)
	}
	p, err := l.Store.Position()
	if err != nil {
		return closed, err
	}
	failpoint.Hit(failpoint.HandoffRecorded)
	report(adminv1.HandoffStep_HANDOFF_STEP_RECORDED, &p)
	l.tell(ctx, k, t, p)
	switch said := t.next(tellTimeout); {
	case said.err != nil:
		return closed, fmt.Errorf("telling the target: %w", said.err)
	case said.owned != nil:
		return closed, errors.New("telling the target: it says that it owns the store already")
	}
	failpoint.Hit(failpoint.HandoffTold)
	report(adminv1.HandoffStep_HANDOFF_STEP_TOLD, nil)
	return closed, nil
}

// tell begins the conversation with the target.
func (l *Lease) tell(ctx context.Context, k *link, t *telling, p store.Position) {
	ctx, t.cancel = context.WithCancel(ctx)
	t.told = make(chan taken, 2)
	go func() {
		stream, err := k.admin.TakeOver(ctx, &adminv1.TakeOverRequest{Service: l.Schema.Service, Position: PositionProto(p)})
		for range cap(t.told) {
			var resp *adminv1.TakeOverResponse
			if err == nil {
				resp, err = stream.Recv()
			}
			t.told <- taken{resp.GetOwned(), err}
			if err != nil {
				return
			}
		}
	}()
}

// letGo closes the store and frees the lock. There is no way back but over the lock.
func (l *Lease) letGo(to string, report Report) error {
	if err := inTime(closeTimeout, l.Store.Close); err != nil {
		// Whether it is closed nobody can know, but the end of the process closes it.
		l.Fatal(fmt.Errorf("handing over to %s: closing the store: %w", to, err))
		return err
	}
	failpoint.Hit(failpoint.HandoffClosed)
	report(adminv1.HandoffStep_HANDOFF_STEP_CLOSED, nil)
	l.note(event{Event: eventHandsOver, To: to})
	err := l.lock.unlock()
	l.lock = nil
	if err != nil {
		l.Log.Error("unlocking", "error", err)
	}
	failpoint.Hit(failpoint.HandoffUnlocked)
	report(adminv1.HandoffStep_HANDOFF_STEP_UNLOCKED, nil)
	return nil
}

// confirm waits until the target owns the store. If it does not say so, this process is a
// candidate as any other. closed is when the gate was closed.
func (l *Lease) confirm(k *link, t *telling, closed time.Time, report Report) error {
	said := t.next(ownTimeout)
	hold := time.Since(closed)
	if said.err != nil || said.owned == nil {
		l.show(&view{role: searching, lost: true})
		l.Log.Warn("the target of a handoff did not take the store over", "to", k.instance, "error", said.err)
		why := "it does not say why"
		if said.err != nil {
			why = status.Convert(said.err).Message()
		}
		return ErrAborted.Message(fmt.Sprintf("%s was given the store and did not take it over (%s); whoever is able does: see status",
			k.instance, why)).Because(said.err)
	}
	next := &view{role: forwarding, link: k}
	l.show(next)
	l.watch(l.life, next)
	p := positionOf(said.owned)
	report(adminv1.HandoffStep_HANDOFF_STEP_OWNED, &p)
	// A number, for metrics that are made of the log.
	l.Log.Info("handed the store over", "to", k.instance, "epoch", p.Epoch, "sequence", p.Sequence,
		"hold_ms", float64(hold.Microseconds())/1000)
	return nil
}

// HandOffToAny moves the store, if this process owns it, to whichever process is able:
// one of the same kind first. It returns ErrRefused if there is none, and otherwise what
// the last of them said.
func (l *Lease) HandOffToAny(ctx context.Context) error {
	// An acquisition that is under way decides first whether there is something to give.
	if l.beginSoon() {
		l.end()
	}
	if owns, _ := l.Owner(); !owns {
		return nil
	}
	var err error = ErrRefused.Message("no other process is there")
	for _, instance := range l.successors(ctx) {
		if err = l.HandOff(ctx, instance, false, func(adminv1.HandoffStep, *store.Position) {}); err == nil {
			return nil
		}
		if owns, _ := l.Owner(); !owns && !l.takeBack() { //nolint:contextcheck // a store closes in its own time
			return nil // it was given away, to somebody
		}
	}
	return err
}

// takeBack takes a store that was let go, if nobody has taken it, though this process may
// be stopping: until its end it serves better than nobody. It tells whether it owns it.
func (l *Lease) takeBack() bool {
	if !l.beginSoon() {
		return false
	}
	defer l.end()
	if l.lock != nil {
		return true
	}
	lock, err := tryLock(l.Dir, l.AllowNetworkFS)
	if err != nil {
		return false
	}
	return l.take(lock, l.Store.OpenExisting) == nil
}

// successors gives the processes that may be able to own the store, those of the same
// kind first.
func (l *Lease) successors(ctx context.Context) []string {
	var same, other []string
	for _, instance := range instances(l.Dir) {
		if instance == l.Self.Instance {
			continue
		}
		k, err := l.links.to(instance) //nolint:contextcheck // as above
		if err != nil {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, askTimeout)
		resp, err := k.admin.GetStatus(asking, &adminv1.GetStatusRequest{})
		cancel()
		switch {
		case err != nil || resp.GetDraining():
		case resp.GetBinary() == l.Self.Binary:
			same = append(same, instance)
		default:
			other = append(other, instance)
		}
	}
	return slices.Concat(same, other)
}

// PositionProto writes a position as the processes tell it each other.
func PositionProto(p store.Position) *adminv1.Position {
	return &adminv1.Position{
		Uuid: p.UUID, Epoch: int64(p.Epoch), Sequence: int64(p.Sequence), Checksum: p.Checksum, //nolint:gosec // counters far below 2^63
	}
}

func positionOf(p *adminv1.Position) store.Position {
	return store.Position{
		UUID: p.GetUuid(), Epoch: uint64(p.GetEpoch()), Sequence: uint64(p.GetSequence()), Checksum: p.GetChecksum(), //nolint:gosec // as above
	}
}
