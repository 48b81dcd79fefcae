package store

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// load reads and writes a store from several goroutines until stop, and reports what
// runs while forbidden is set.
type load struct {
	forbidden atomic.Bool
	views     atomic.Int64 // that ran
	changes   atomic.Int64 // that were acknowledged
	refused   atomic.Int64
	stop      func()
}

func startLoad(t *testing.T, s *Store) *load {
	t.Helper()
	l := new(load)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	check := func(what string) {
		if l.forbidden.Load() {
			t.Errorf("%s runs behind the closed gate", what)
		}
	}
	count := func(err error, ran *atomic.Int64) {
		switch {
		case err == nil:
			ran.Add(1)
		case errors.Is(err, ErrClosed):
			l.refused.Add(1)
		default:
			t.Error(err)
		}
		runtime.Gosched() // or the one who moves the gate waits for a processor
	}
	for w := range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				count(s.View(func(tx *bbolt.Tx) error {
					check("a read")
					tx.Bucket(rowsBucket).Get([]byte("k"))
					check("a read")
					return nil
				}), &l.views)
			}
		})
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				count(do(context.WithoutCancel(ctx), s, func(tx *Tx) error {
					check("a change")
					return put(strconv.Itoa(w)+" "+strconv.Itoa(i%100), "v")(tx)
				}), &l.changes)
			}
		})
	}
	l.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
	})
	t.Cleanup(l.stop)
	return l
}

func TestNothingRunsBehindAClosedGate(t *testing.T) {
	s := openNew(t, Options{})
	l := startLoad(t, s)
	for range 20 {
		views, changes, refused := l.views.Load(), l.changes.Load(), l.refused.Load()
		eventually(t, func() bool { return l.views.Load() > views && l.changes.Load() > changes })
		shut(t, s)
		l.forbidden.Store(true)
		before := positionOf(t, s)
		if before.Sequence != s.Sequence() {
			t.Errorf("the file stands at change %d, what was answered at %d", before.Sequence, s.Sequence())
		}
		eventually(t, func() bool { return l.refused.Load() > refused })
		if after := positionOf(t, s); after != before {
			t.Errorf("behind the closed gate the store went from %+v to %+v", before, after)
		}
		l.forbidden.Store(false)
		s.OpenGate()
	}
	l.stop()
	if got, want := s.Sequence(), uint64(l.changes.Load()); got != want {
		t.Errorf("Sequence = %d, but %d changes were acknowledged", got, want)
	}
}

// The same, with the file closed and opened again under those who use the store.
func TestTheFileOpensAndClosesUnderItsUsers(t *testing.T) {
	s := openNew(t, Options{})
	l := startLoad(t, s)
	const times = 10
	for range times {
		views, changes, refused := l.views.Load(), l.changes.Load(), l.refused.Load()
		eventually(t, func() bool { return l.views.Load() > views && l.changes.Load() > changes })
		closeStore(t, s)
		l.forbidden.Store(true)
		eventually(t, func() bool { return l.refused.Load() > refused })
		l.forbidden.Store(false)
		reopen(t, s)
	}
	l.stop()
	p := positionOf(t, s)
	if p.Epoch != times+1 || p.Sequence != uint64(l.changes.Load()) {
		t.Errorf("the store stands at %+v after %d acknowledged changes, opened %d times", p, l.changes.Load(), times+1)
	}
}

func TestAClosedGateRefusesEverything(t *testing.T) {
	s := openNew(t, Options{})
	mustChange(t, s, put("k", "v"))
	shut(t, s)
	shut(t, s) // again
	ctx := WithIdempotencyKey(t.Context(), "key")
	path := newPath(t)
	for what, err := range map[string]error{
		"View":     s.View(func(*bbolt.Tx) error { t.Error("View ran"); return nil }),
		"Mutate":   do(t.Context(), s, func(*Tx) error { t.Error("Mutate ran"); return nil }),
		"BackupTo": s.BackupTo(t.Context(), path),
		"Info":     second(s.Info()),
		"Check":    second(s.Check()),
		"Answered": third(Answered[*emptypb.Empty](ctx, s, "/a", wrapperspb.String("x"))),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s = %v, want ErrClosed", what, err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the refused backup's file: %v", err)
	}
	s.OpenGate()
	s.OpenGate() // again
	wantRow(t, s, "k", "v")
	mustChange(t, s, put("k", "w"))
}

func second[T any](_ T, err error) error        { return err }
func third[T, U any](_ T, _ U, err error) error { return err }

// A drain waits for changes, not for their callers.
func TestClosingTheGateWaitsForAChangeWhoseCallerHasGone(t *testing.T) {
	s := openNew(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	if err := do(ctx, s, func(tx *Tx) error {
		cancel()
		<-release
		return put("k", "v")(tx)
	}); !errors.Is(err, context.Canceled) {
		t.Fatalf("Mutate = %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for range 2 {
		if err := s.CloseGate(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("CloseGate = %v while a change is in work, want its context's error", err)
		}
	}
	if err := do(t.Context(), s, put("late", "v")); !errors.Is(err, ErrClosed) {
		t.Errorf("Mutate = %v: CloseGate failed, and the gate is closed", err)
	}
	closed := make(chan error)
	go func() { closed <- s.CloseGate(t.Context()) }()
	close(release)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if got := positionOf(t, s).Sequence; got != 1 {
		t.Errorf("Sequence = %d behind the gate", got)
	}
	// Who waited in vain opens again, and nothing has changed.
	s.OpenGate()
	wantRow(t, s, "k", "v")
	mustChange(t, s, put("k", "w"))
}

func TestClosingTheGateWaitsForReads(t *testing.T) {
	s := openNew(t, Options{})
	reading, release, read := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		read <- s.View(func(*bbolt.Tx) error {
			close(reading)
			<-release
			return nil
		})
	}()
	<-reading
	closed := make(chan error, 2)
	for range 2 {
		go func() { closed <- s.CloseGate(t.Context()) }()
	}
	eventually(t, s.gate.isClosed)
	if len(closed) > 0 {
		t.Error("CloseGate returned while a read was in work")
	}
	close(release)
	for range 2 {
		if err := <-closed; err != nil {
			t.Error(err)
		}
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
}

// A panic inside ends the stay.
func TestAPanicLeavesTheGate(t *testing.T) {
	s := openNew(t, Options{})
	func() {
		defer func() { _ = recover() }()
		_ = s.View(func(*bbolt.Tx) error { panic("boom") })
	}()
	if err := do(t.Context(), s, func(*Tx) error { panic("boom") }); err == nil {
		t.Error("the panic is lost")
	}
	shut(t, s)
}

func TestTheGateOpensWhileAnotherWaits(t *testing.T) {
	s := openNew(t, Options{})
	h := hold(t, s)
	closed := make(chan error)
	go func() { closed <- s.CloseGate(t.Context()) }()
	eventually(t, s.gate.isClosed)
	s.OpenGate()
	if err := <-closed; !errors.Is(err, errOpened) {
		t.Errorf("CloseGate = %v, want errOpened", err)
	}
	h.letGo()
	mustChange(t, s, put("k", "v"))
}

// Once Close has begun, no OpenGate undoes it.
func TestAGateThatClosesForGoodStaysClosed(t *testing.T) {
	s := openNew(t, Options{})
	s.OpenGate()
	h := hold(t, s)
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	eventually(t, s.gate.isClosed)
	s.OpenGate()
	if err := do(t.Context(), s, put("late", "v")); !errors.Is(err, ErrClosed) {
		t.Errorf("Mutate = %v, want ErrClosed", err)
	}
	h.letGo()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	s.OpenGate()
	shut(t, s)
	if err := do(t.Context(), s, put("late", "v")); !errors.Is(err, ErrClosed) {
		t.Errorf("Mutate = %v, want ErrClosed", err)
	}
}

// Whoever calls what when, nobody is inside a gate that was drained, and nobody waits
// for ever.
func TestGate(t *testing.T) {
	g := newGate()
	if g.enter() {
		t.Fatal("a new gate is open")
	}
	g.open()
	if g.enter() {
		t.Fatal("a barred gate was opened")
	}
	g.unbar()
	var inside, owners atomic.Int64
	var stop atomic.Bool
	var users, movers sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for !stop.Load() {
				if !g.enter() {
					continue
				}
				inside.Add(1)
				if owners.Load() > 0 {
					t.Error("inside a gate that was drained")
				}
				inside.Add(-1)
				g.leave()
			}
		})
	}
	movers.Go(func() {
		for range 500 {
			g.close()
			if err := g.drain(t.Context()); err != nil && !errors.Is(err, errOpened) {
				t.Error(err)
			}
			g.open()
		}
	})
	movers.Go(func() {
		for range 500 {
			g.bar()
			if err := g.drain(t.Context()); err != nil {
				t.Error(err)
			}
			owners.Add(1)
			if n := inside.Load(); n != 0 {
				t.Errorf("%d are inside", n)
			}
			owners.Add(-1)
			g.unbar()
			g.open()
		}
	})
	movers.Wait()
	stop.Store(true)
	users.Wait()
	g.close()
	if err := g.drain(t.Context()); err != nil {
		t.Error(err)
	}
}
