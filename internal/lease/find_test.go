package lease_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitboard/splitboard/internal/lease"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

// hint writes owner.json as a person, or a dead process, would.
func hint(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, lease.OwnerFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func hintOf(t *testing.T, instance string) string {
	t.Helper()
	b, err := json.Marshal(lease.Owner{Instance: instance, PID: 1, Binary: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// owner.json is a hint: whatever it says, the owner is found.
func TestOwnerIsFoundWhateverTheHint(t *testing.T) {
	dir := folder(t)
	a := start(t, dir, setup{})
	other := start(t, dir, setup{NeverOwn: true})
	forwards(t, other, a.id)
	dead := lease.NewInstance()
	leftBehind, err := lease.Listen(t.Context(), dir, dead)
	if err != nil {
		t.Fatal(err)
	}
	if err := leftBehind.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"missing":                        "",
		"right":                          hintOf(t, a.id),
		"of a dead instance":             hintOf(t, dead),
		"of one that never was":          hintOf(t, lease.NewInstance()),
		"of one that lives and owns not": hintOf(t, other.id),
		"empty":                          `{}`,
		"garbage":                        `{"instance":`,
		"a path":                         hintOf(t, "../../etc/passwd"),
	} {
		t.Run(name, func(t *testing.T) {
			hint(t, dir, text)
			if text == "" {
				if err := os.Remove(filepath.Join(dir, lease.OwnerFile)); err != nil {
					t.Fatal(err)
				}
			}
			b := start(t, dir, setup{})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := b.create(ctx, name); err != nil {
				t.Errorf("not found: %v", err)
			}
			if b.lease.Status().Forwarded == 0 || a.names(t)[name] != 1 {
				t.Errorf("the owner has %v", a.names(t))
			}
		})
	}
}

// Who cannot say that it is the owner is the owner all the same.
func TestOwnerThatCannotPublish(t *testing.T) {
	dir := folder(t)
	if err := os.MkdirAll(filepath.Join(dir, lease.OwnerFile, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	a := start(t, dir, setup{})
	b := start(t, dir, setup{})
	if !a.owns() {
		t.Fatal("it does not own the store")
	}
	b.want(t, "through b")
	if !strings.Contains(a.log.String(), "the owner's file is not written") {
		t.Errorf("nothing is said: %s", a.log)
	}
	if err := a.handOff(t.Context(), b); err != nil {
		t.Errorf("handing it over: %v", err)
	}
	a.want(t, "through a")
	if err := os.RemoveAll(filepath.Join(dir, lease.OwnerFile)); err != nil {
		t.Fatal(err)
	}
	if err := b.handOff(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	published(t, a, 3)
}

// A process that was stopped holds up nobody who looks for the owner among others.
func TestOwnerIsFoundBesideOneThatIsStopped(t *testing.T) {
	dir := folder(t)
	a := start(t, dir, setup{})
	stopped := startChild(t, dir, setup{NeverOwn: true})
	stopped.stop(t)
	for _, text := range []string{hintOf(t, stopped.id), "{}"} {
		hint(t, dir, text)
		b := start(t, dir, setup{NeverOwn: true})
		began := time.Now()
		b.want(t, "through b")
		if took := time.Since(began); took > time.Second {
			t.Errorf("finding the owner took %s", took)
		}
		if err := b.close(); err != nil {
			t.Error(err)
		}
	}
	// And it hands the store over all the same, to one that lives.
	c := start(t, dir, setup{})
	if err := a.lease.HandOffToAny(t.Context()); err != nil || !c.owns() {
		t.Errorf("handing it to any: %v", err)
	}
	a.want(t, "through a")
}

// The owner that is stopped answers nobody, and nobody else takes its lock. Whoever asks
// is told so in time, and when it goes on so does everything.
func TestOwnerIsStopped(t *testing.T) {
	dir := folder(t)
	owner := startChild(t, dir, setup{})
	b := start(t, dir, setup{})
	forwards(t, b, owner.id)
	b.want(t, "before")
	owner.stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := b.create(ctx, "while it is stopped")
	wantNoOwner(t, err) // and not that its time has run out
	if b.owns() {
		t.Error("another took the store over")
	}
	owner.signal(t, unix.SIGCONT)
	b.want(t, "after")
	if got := b.names(t); got["while it is stopped"] > 1 {
		t.Errorf("the store has %v", got)
	}
}

// Who does not know the schema version that the owner's store needs is no candidate, and
// says so before the owner is lost.
func TestTooOldIsNoCandidate(t *testing.T) {
	dir := folder(t)
	migrated(t, dir)
	a := start(t, dir, setup{Version: 2})
	old, able := start(t, dir, setup{Version: 1}), start(t, dir, setup{Version: 2})
	eventually(t, 3*time.Second, "it says that it is too old", func() bool {
		is := old.lease.Status()
		return is.State == lease.StateForwarder && is.Owner == a.id && strings.Contains(is.Refusal, "needs schema version 2, and this binary knows 1")
	})
	old.want(t, "all the same")
	forwards(t, able, a.id)
	if is := able.lease.Status(); is.State != lease.StateCandidate {
		t.Errorf("one that is able is %+v", is)
	}
	if n := strings.Count(old.log.String(), "is no candidate for the store"); n != 1 {
		t.Errorf("it says so %d times:\n%s", n, old.log)
	}
}

// Connections to processes that are gone do not stay: they would be dialled for ever.
func TestConnectionsToTheGone(t *testing.T) {
	dir := folder(t)
	a := start(t, dir, setup{})
	var gone []*node
	for range 3 {
		gone = append(gone, start(t, dir, setup{NeverOwn: true}))
	}
	if err := a.lease.HandOffToAny(t.Context()); err == nil {
		t.Fatal("somebody took the store over")
	}
	if got := a.lease.Links(); len(got) != 3 {
		t.Fatalf("it is connected to %v", got)
	}
	// One leaves its socket behind.
	if err := errors.Join(gone[0].close(), gone[1].close(), gone[2].die()); err != nil {
		t.Error(err)
	}
	eventually(t, 5*time.Second, "the connections are closed", func() bool { return len(a.lease.Links()) == 0 })
}

// liar says that it owns the store.
type liar struct{ adminv1.AdminServiceServer }

func (liar) GetOwner(context.Context, *adminv1.GetOwnerRequest) (*adminv1.GetOwnerResponse, error) {
	return &adminv1.GetOwnerResponse{Owning: true}, nil
}

func lies(s adminv1.AdminServiceServer) adminv1.AdminServiceServer { return liar{s} }

// Two that take each other for the owner do not send a call to and fro: each is forwarded
// once only, and ends in time.
func TestForwardedOnce(t *testing.T) {
	dir := folder(t)
	a := start(t, dir, setup{NeverOwn: true, admin: lies})
	b := start(t, dir, setup{NeverOwn: true, admin: lies})
	forwards(t, a, b.id)
	forwards(t, b, a.id)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := a.create(ctx, "nobody")
	wantNoOwner(t, err) // and not that its time has run out
	tries := len(b.arrived.list())
	if tries == 0 || len(a.arrived.list()) != 0 {
		t.Errorf("%d calls reached b, and %d came back", tries, len(a.arrived.list()))
	}
	t.Logf("%d tries in 0.5 s", tries)
	if a.users.calls.Load()+b.users.calls.Load() != 0 {
		t.Error("one that does not own the store ran the call")
	}
	if _, err := os.Stat(filepath.Join(dir, storeFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a store: %v", err)
	}
}
