package lease_test

import (
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/apierr/apierrtest"
	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// allSteps are a handoff's, in order.
var allSteps = []adminv1.HandoffStep{
	adminv1.HandoffStep_HANDOFF_STEP_ASKED,
	adminv1.HandoffStep_HANDOFF_STEP_GATE_CLOSED,
	adminv1.HandoffStep_HANDOFF_STEP_DRAINED,
	adminv1.HandoffStep_HANDOFF_STEP_RECORDED,
	adminv1.HandoffStep_HANDOFF_STEP_TOLD,
	adminv1.HandoffStep_HANDOFF_STEP_CLOSED,
	adminv1.HandoffStep_HANDOFF_STEP_UNLOCKED,
	adminv1.HandoffStep_HANDOFF_STEP_OWNED,
}

// recorder remembers the steps that it is told of.
type recorder struct {
	steps     []adminv1.HandoffStep
	positions map[adminv1.HandoffStep]store.Position
}

func (r *recorder) report(step adminv1.HandoffStep, p *store.Position) {
	r.steps = append(r.steps, step)
	if p != nil {
		if r.positions == nil {
			r.positions = make(map[adminv1.HandoffStep]store.Position)
		}
		r.positions[step] = *p
	}
}

// wantAborted fails the test unless err says that a handoff was broken off.
func wantAborted(t *testing.T, err error) {
	t.Helper()
	apierrtest.Want(t, err, errorsv1.Reason_REASON_HANDOFF_ABORTED)
	if code := apierr.Status(err).Code(); code != codes.Aborted {
		t.Errorf("error %v has the code %s", err, code)
	}
}

func TestHandoff(t *testing.T) {
	a, b := pair(t, setup{})
	a.want(t, "before")
	before, err := a.store.Position()
	if err != nil {
		t.Fatal(err)
	}
	var r recorder
	if err := a.lease.HandOff(t.Context(), b.id, false, r.report); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.steps, allSteps) {
		t.Errorf("the steps are %v", r.steps)
	}
	recorded, owned := r.positions[adminv1.HandoffStep_HANDOFF_STEP_RECORDED], r.positions[adminv1.HandoffStep_HANDOFF_STEP_OWNED]
	after := before
	after.Epoch++
	if len(r.positions) != 2 || recorded != before || owned != after || before.Sequence == 0 || before.Checksum == 0 {
		t.Errorf("the positions are %+v, want %+v and an epoch more", r.positions, before)
	}
	if a.owns() || !b.owns() {
		t.Error("the wrong one owns the store")
	}
	for _, n := range []*node{a, b} {
		n.want(t, "after")
	}
	info, err := b.store.Info()
	if err != nil || info.LastHandoff.From != a.id || info.LastHandoff.To != b.id || info.LastHandoff.Epoch != before.Epoch {
		t.Errorf("the store has the handoff %+v, %v", info.LastHandoff, err)
	}
	published(t, b, after.Epoch)
	var events []string
	for _, e := range journaled(t, a.dir, 3) {
		events = append(events, e.Event+" "+e.Instance+" "+e.To)
	}
	if want := []string{"owns " + a.id + " ", "hands-over " + a.id + " " + b.id, "owns " + b.id + " "}; !slices.Equal(events, want) {
		t.Errorf("the journal has %q", events)
	}
}

// What the log says of a handoff's hold is what the owner saw: it begins when the gate is
// closed and ends when the target owns the store.
func TestHandoffLogsTheHold(t *testing.T) {
	a, b := pair(t, setup{})
	at := make(map[adminv1.HandoffStep]time.Time)
	err := a.lease.HandOff(t.Context(), b.id, false, func(step adminv1.HandoffStep, _ *store.Position) { at[step] = time.Now() })
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`msg="handed the store over".* hold_ms=(\S+)`).FindStringSubmatch(a.log.String())
	if m == nil {
		t.Fatalf("logged\n%s", a.log)
	}
	hold, err := strconv.ParseFloat(m[1], 64)
	most := at[adminv1.HandoffStep_HANDOFF_STEP_OWNED].Sub(at[adminv1.HandoffStep_HANDOFF_STEP_GATE_CLOSED])
	least := at[adminv1.HandoffStep_HANDOFF_STEP_UNLOCKED].Sub(at[adminv1.HandoffStep_HANDOFF_STEP_DRAINED])
	if got := time.Duration(hold * float64(time.Millisecond)); err != nil || got < least-time.Microsecond || got > most {
		t.Errorf("logged a hold of %s ms, %v; it took between %v and %v", m[1], err, least, most)
	}
}

// made makes a store, as a command does.
func made(t *testing.T, dir string) {
	t.Helper()
	s, err := store.Open(filepath.Join(dir, storeFile), schemaOf(2), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// migrated makes a store that only binaries can read that know version 2.
func migrated(t *testing.T, dir string) {
	t.Helper()
	made(t, dir)
	if _, after, err := store.Migrate(filepath.Join(dir, storeFile), schemaOf(2)); err != nil || after != 2 {
		t.Fatalf("migrated to %d: %v", after, err)
	}
}

// deaf does not say whether it is able.
type deaf struct{ adminv1.AdminServiceServer }

func (deaf) CheckTakeover(ctx context.Context, _ *adminv1.CheckTakeoverRequest) (*adminv1.CheckTakeoverResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A target that is not able is refused, and nothing has changed.
func TestHandoffRefused(t *testing.T) {
	dir := folder(t)
	migrated(t, dir)
	a := start(t, dir, setup{Version: 2})
	never := start(t, dir, setup{Version: 2, NeverOwn: true})
	old := start(t, dir, setup{Version: 1})
	stopping := start(t, dir, setup{Version: 2})
	stopping.lease.Retire()
	mute := start(t, dir, setup{Version: 2, admin: func(s adminv1.AdminServiceServer) adminv1.AdminServiceServer { return deaf{s} }})
	dead := start(t, dir, setup{Version: 2})
	if err := dead.die(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ to, why string }{
		"itself":    {a.id, "this process owns the store already"},
		"never":     {never.id, "--no-own"},
		"too old":   {old.id, "needs schema version 2, and this binary knows 1"},
		"stopping":  {stopping.id, "it is stopping"},
		"unknown":   {lease.NewInstance(), "it does not answer"},
		"no name":   {"", "it does not answer"},
		"dead":      {dead.id, "it does not answer"},
		"no answer": {mute.id, "it does not answer"},
	} {
		for _, dryRun := range []bool{true, false} {
			var r recorder
			err := a.lease.HandOff(t.Context(), c.to, dryRun, r.report)
			apierrtest.Want(t, err, errorsv1.Reason_REASON_HANDOFF_REFUSED)
			if err == nil || !strings.Contains(apierr.Status(err).Message(), c.why) || len(r.steps) > 0 {
				t.Errorf("%s: %v after the steps %v, want %q", name, err, r.steps, c.why)
			}
		}
	}
	a.want(t, "still")
	if got := journaled(t, dir, 1); len(got) != 1 {
		t.Errorf("the journal has %+v", got)
	}
}

// Who does not own the store cannot hand it over, and says who does.
func TestHandoffAtTheWrongOne(t *testing.T) {
	a, b := pair(t, setup{})
	c := start(t, a.dir, setup{})
	for _, to := range []*node{a, b, c} {
		err := b.handOff(t.Context(), to)
		wantNoOwner(t, apierr.Status(err).Err())
		if got := metadataOf(apierr.Status(err).Err(), lease.OwnerMetadata); got != a.id {
			t.Errorf("it names %q as the owner", got)
		}
	}
	a.want(t, "still")
}

// A dry run asks the target and no more.
func TestHandoffDryRun(t *testing.T) {
	a, b := pair(t, setup{})
	var r recorder
	if err := a.lease.HandOff(t.Context(), b.id, true, r.report); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.steps, allSteps[:1]) || !a.owns() || b.owns() {
		t.Errorf("the steps are %v", r.steps)
	}
	if p, err := a.store.Position(); err != nil || p.Epoch != 1 || len(journaled(t, a.dir, 1)) != 1 {
		t.Errorf("something has changed: %+v, %v", p, err)
	}
}

// While a handoff is under way no other begins.
func TestHandoffTwiceAtOnce(t *testing.T) {
	a, b := pair(t, setup{})
	c := start(t, a.dir, setup{})
	for _, step := range []adminv1.HandoffStep{
		adminv1.HandoffStep_HANDOFF_STEP_ASKED, adminv1.HandoffStep_HANDOFF_STEP_TOLD, adminv1.HandoffStep_HANDOFF_STEP_UNLOCKED,
	} {
		from, to := a, b
		if b.owns() {
			from, to = b, a
		}
		var second error
		if err := from.lease.HandOff(t.Context(), to.id, false, at(step, func() { second = from.handOff(t.Context(), c) })); err != nil {
			t.Fatalf("the first: %v", err)
		}
		wantAborted(t, second)
		if !to.owns() || c.owns() {
			t.Fatalf("at %s: the wrong one owns the store", step)
		}
		c.want(t, step.String())
	}
}

// A candidate tries the lock now and then. A handoff that begins at that moment waits.
func TestHandoffWhileCandidatesTry(t *testing.T) {
	a, b := pair(t, setup{})
	for _, trying := range []*node{a, b, b, a} {
		from, to := a, b
		if b.owns() {
			from, to = b, a
		}
		err := make(chan error, 1)
		trying.lease.Trying(func() {
			go func() { err <- from.handOff(t.Context(), to) }()
			select {
			case early := <-err:
				t.Fatalf("it did not wait: %v", early)
			case <-time.After(20 * time.Millisecond):
			}
		})
		if err := <-err; err != nil || !to.owns() {
			t.Errorf("%v", err)
		}
	}
}

// A process that stops hands its store to another of its kind if there is one, and to
// whoever is able if there is not.
func TestHandOffToAny(t *testing.T) {
	dir := folder(t)
	a := start(t, dir, setup{Binary: "users"})
	apierrtest.Want(t, a.lease.HandOffToAny(t.Context()), errorsv1.Reason_REASON_HANDOFF_REFUSED)
	never := start(t, dir, setup{Binary: "users", NeverOwn: true})
	err := a.lease.HandOffToAny(t.Context())
	apierrtest.Want(t, err, errorsv1.Reason_REASON_HANDOFF_REFUSED)
	if err == nil || !strings.Contains(err.Error(), "--no-own") {
		t.Errorf("it does not say why: %v", err)
	}
	other := start(t, dir, setup{Binary: "monolith"})
	for range 5 {
		start(t, dir, setup{Binary: "monolith", NeverOwn: true})
	}
	b := start(t, dir, setup{Binary: "users"})
	for _, n := range []*node{b, other} { // to be connected to them: who does not answer soon is passed over
		if err := a.lease.HandOff(t.Context(), n.id, true, at(0, nop)); err != nil {
			t.Fatal(err)
		}
	}
	a.lease.Retire()
	if err := a.lease.HandOffToAny(t.Context()); err != nil || !b.owns() {
		t.Fatalf("to one of its kind: %v", err)
	}
	if err := b.lease.HandOffToAny(t.Context()); err != nil || !other.owns() {
		t.Fatalf("to another: %v", err)
	}
	if err := b.lease.HandOffToAny(t.Context()); err != nil {
		t.Errorf("who does not own the store has nothing to do: %v", err)
	}
	never.want(t, "after")
}
