package lease

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/splitboard/splitboard/internal/store"
)

// Config says whose store a lease is about, and who asks for it.
type Config struct {
	// Dir is the service's data folder, which exists.
	Dir string
	// Self is who the process says it is. Since and Epoch are filled in.
	Self Owner
	// Store is the store in the folder, closed.
	Store *store.Store
	// Schema is the store's.
	Schema store.Schema
	// Desc describes the service whose calls are forwarded.
	Desc *grpc.ServiceDesc
	// NeverOwn makes a process that only forwards.
	NeverOwn bool
	// AllowNetworkFS takes a folder on a network file system.
	AllowNetworkFS bool
	// Log takes what the operator should know.
	Log *slog.Logger
	// Fatal ends the process: its store could not be let go.
	Fatal func(error)
}

// A Lease is one process's part in who owns a store. It is safe for concurrent use.
type Lease struct {
	Config
	replies map[string]protoreflect.MessageType // of the service's methods, by full name
	links   links
	held    held
	retired atomic.Bool // the process is stopping

	view   atomic.Pointer[view]
	viewMu sync.Mutex // of those who replace view

	// moving is held by whoever changes whether this process owns the store: an
	// acquisition, a handoff, a takeover or the end.
	moving chan struct{}
	lock   *Lock // guarded by moving; nil: not held
	epoch  atomic.Uint64
	waiter waiter

	refusal atomic.Pointer[string] // why the last acquisition failed; nil: it did not
	barred  atomic.Pointer[string] // why there is to be none any more; nil: there may
	retryAt time.Time              // guarded by moving: no acquisition before
	backoff time.Duration          // guarded by moving
	beside  bool                   // guarded by moving: it failed while another process owned the store

	forwarded atomic.Int64
	doubting  atomic.Bool   // the owner is being asked whether it is there
	met       atomic.Bool   // there has been an owner, and so there is a store
	wanted    chan struct{} // has something when a request has begun to wait for an owner

	life    context.Context // until Close
	halt    context.CancelFunc
	running sync.WaitGroup
}

// A role is what the process is to its store, as requests see it.
type role int

const (
	searching  role = iota // no owner is known
	forwarding             // another process owns the store
	moving                 // it is changing hands, with this process's part in it
	owning                 // this process does
)

// A view is what requests go by. It is never changed, only replaced.
type view struct {
	role role
	link *link  // to the owner, when forwarding
	hint string // the instance that may be the owner, or "", when searching or moving
	lost bool   // the owner was lost, when searching: its lock may be free
	next chan struct{}
}

// other gives the instance that owns the store, or may, if this one does not; "" if none
// is known of.
func (v *view) other() string {
	if v.link != nil {
		return v.link.instance
	}
	return v.hint
}

// New returns a lease that does nothing yet and owns nothing.
func New(c Config) (*Lease, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, err
	}
	c.Dir = dir
	replies, err := replyTypes(c.Desc)
	if err != nil {
		return nil, err
	}
	l := &Lease{Config: c, replies: replies, moving: make(chan struct{}, 1), wanted: make(chan struct{}, 1)}
	l.life, l.halt = context.WithCancel(context.Background())
	l.links.dir = c.Dir
	l.view.Store(&view{role: searching, next: make(chan struct{})})
	return l, nil
}

// Run begins to look for the owner, and for the chance to become it, until Close.
func (l *Lease) Run() {
	l.running.Go(func() { l.findLoop(l.life) })
	l.running.Go(func() { l.candidateLoop(l.life) })
}

// Retire makes the process no candidate any more, because it is stopping.
func (l *Lease) Retire() { l.retired.Store(true) }

// Close ends the process's part: it closes the store if it owns it, and frees the lock.
// No calls may come any more. It returns what closing returned, or ctx's error.
func (l *Lease) Close(ctx context.Context) error {
	l.Retire()
	l.halt()
	ended := make(chan struct{})
	go func() { l.running.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case l.moving <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.moving }()
	defer l.links.close()
	if l.lock == nil {
		return nil
	}
	l.show(&view{role: moving})
	closed := make(chan error, 1)
	go func() { closed <- l.Store.Close() }() //nolint:contextcheck // ctx ends the wait alone
	select {
	case err := <-closed:
		l.note(event{Event: eventReleases})
		err = errors.Join(err, l.lock.Release())
		l.lock = nil
		return err
	case <-ctx.Done():
		// The process ends, and with it the transactions: bbolt survives that.
		return errors.New("the queued changes took too long")
	}
}

// show replaces what requests go by.
func (l *Lease) show(v *view) {
	v.next = make(chan struct{})
	l.viewMu.Lock()
	old := l.view.Swap(v)
	l.viewMu.Unlock()
	close(old.next)
}

// showInstead replaces a view unless that has happened already.
func (l *Lease) showInstead(old, v *view) bool {
	v.next = make(chan struct{})
	l.viewMu.Lock()
	same := l.view.CompareAndSwap(old, v)
	l.viewMu.Unlock()
	if same {
		close(old.next)
	}
	return same
}

// begin takes the right to change who owns the store, if nobody has it.
func (l *Lease) begin() bool {
	select {
	case l.moving <- struct{}{}:
		return true
	default:
		return false
	}
}

// beginTimeout is how long a handoff waits for that right. Who tries the lock, as
// candidates do now and then, has it for less, and so has a new owner that tells the world.
const beginTimeout = 400 * time.Millisecond

// beginSoon takes it within a moment.
func (l *Lease) beginSoon() bool {
	select {
	case l.moving <- struct{}{}:
		return true
	case <-time.After(beginTimeout):
		return false
	}
}

// end gives that right back.
func (l *Lease) end() { <-l.moving }

// note writes an event to the journal, which is for people: failing is not fatal.
func (l *Lease) note(e event) {
	e.Time, e.Instance, e.Binary = time.Now().UTC(), l.Self.Instance, l.Self.Binary
	if e.Epoch == 0 {
		e.Epoch = l.epoch.Load()
	}
	if e.Sequence == 0 {
		e.Sequence = l.Store.Sequence()
	}
	if err := e.write(l.Dir); err != nil {
		l.Log.Warn("the journal is not written", "error", err)
	}
}

// A Status is what a process is to its store.
type Status struct {
	State State
	// Owner is the instance that owns the store as far as the process knows, or "".
	Owner string
	Epoch uint64 // if the process is the owner
	// Held and Forwarded count requests since the process's start.
	Held, Forwarded int64
	LongestHold     time.Duration
	// Refusal says why the process does not take the store over; "" if it would.
	Refusal string
}

// A State is what a process is to its store, as an operator sees it.
type State int

// The states.
const (
	StateOwner State = iota + 1
	StateCandidate
	StateForwarder
	StateMoving
)

// Status tells what the process is to its store.
func (l *Lease) Status() Status {
	v := l.view.Load()
	s := Status{State: StateCandidate, Owner: v.other(), Forwarded: l.forwarded.Load(), Refusal: l.unable()}
	s.Held, s.LongestHold = l.held.totals()
	switch v.role {
	case owning:
		s.State, s.Owner, s.Epoch, s.Refusal = StateOwner, l.Self.Instance, l.epoch.Load(), ""
		return s
	case moving:
		s.State = StateMoving
		return s
	case searching:
		s.Owner = "" // what a hint says has not been found to be so
	case forwarding:
	}
	if s.Refusal != "" {
		s.State = StateForwarder
	}
	return s
}

// unable says why the process is no candidate, or "".
func (l *Lease) unable() string {
	switch {
	case l.NeverOwn:
		return "it was started with --no-own"
	case l.retired.Load():
		return "it is stopping"
	}
	if r := l.barred.Load(); r != nil {
		return *r
	}
	if r := l.refusal.Load(); r != nil {
		return *r
	}
	return ""
}
