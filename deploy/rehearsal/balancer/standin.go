package balancer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// A StandIn is a load balancer that behaves as an ALB does, for HTTP/1.1. It never sends
// a request twice: whatever happens to a connection, the client is told, and nobody else.
type StandIn struct {
	setup  *Setup
	groups map[string]*group
	ln     net.Listener
	ctx    context.Context
	end    context.CancelFunc
	table  atomic.Pointer[table]
	counts counters

	changes sync.Mutex // of the table
	events  sync.Mutex // one at a time
	running sync.WaitGroup

	mu      sync.Mutex
	clients map[net.Conn]bool
	closed  bool
}

// Start listens on a free port of this machine.
func Start(ctx context.Context, setup *Setup, options Options) (*StandIn, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &StandIn{setup: setup, groups: map[string]*group{}, ln: ln, clients: map[net.Conn]bool{}}
	s.ctx, s.end = context.WithCancel(context.WithoutCancel(ctx)) // until Close
	s.table.Store(&table{rest: setup.Forward})
	for name, g := range setup.Groups {
		g.Health = g.Health.scaled(options.HealthScale)
		s.groups[name] = &group{
			TargetGroup: g, idle: setup.IdleTimeout, ctx: s.ctx, running: &s.running,
			stop: map[*target]context.CancelFunc{}, onEvent: s.tell(options.OnHealth),
		}
		s.groups[name].ready.Store(&[]*target{})
	}
	s.running.Go(s.accept)
	return s, nil
}

func (s *StandIn) tell(onHealth func(HealthEvent)) func(HealthEvent) {
	return func(e HealthEvent) {
		if onHealth != nil {
			s.events.Lock()
			defer s.events.Unlock()
			onHealth(e)
		}
	}
}

func (s *StandIn) accept() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return // it is closed
		}
		s.mu.Lock()
		if s.closed {
			_ = conn.Close()
		} else {
			s.clients[conn] = true
			s.running.Go(func() { s.serve(conn) })
		}
		s.mu.Unlock()
	}
}

// Addr is where clients connect to.
func (s *StandIn) Addr() string { return s.ln.Addr().String() }

// AddRule adds a rule. It returns ErrRuleExists, ErrPriorityInUse or ErrNoGroup.
func (s *StandIn) AddRule(rule Rule) error {
	if err := rule.Action.check(s.setup.Groups); err != nil {
		return err
	}
	return s.change(func(t *table) (*table, error) { return t.add(rule) })
}

// DeleteRule deletes a rule. It returns ErrNoRule.
func (s *StandIn) DeleteRule(name string) error {
	return s.change(func(t *table) (*table, error) { return t.remove(name) })
}

// SetPriorities gives rules other priorities. It returns ErrNoRule or ErrPriorityInUse.
func (s *StandIn) SetPriorities(priorities map[string]int) error {
	return s.change(func(t *table) (*table, error) { return t.prioritize(priorities) })
}

// SetDefault sets the default action. It returns ErrNoGroup.
func (s *StandIn) SetDefault(action Action) error {
	if err := action.check(s.setup.Groups); err != nil {
		return err
	}
	return s.change(func(t *table) (*table, error) { return t.withDefault(action), nil })
}

func (s *StandIn) change(to func(*table) (*table, error)) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	next, err := to(s.table.Load())
	if err == nil {
		s.table.Store(next)
	}
	return err
}

// Register adds a target, which must not be in the group unless it drains. It returns
// ErrNoGroup.
func (s *StandIn) Register(group, target string) error {
	g, err := s.group(group)
	if err != nil {
		return err
	}
	return g.register(target)
}

// Deregister takes a target out, which must be in the group. It returns ErrNoGroup.
func (s *StandIn) Deregister(group, target string) error {
	g, err := s.group(group)
	if err != nil {
		return err
	}
	return g.deregister(target)
}

// TargetHealth lists a group's targets. It returns ErrNoGroup.
func (s *StandIn) TargetHealth(group string) ([]TargetHealth, error) {
	g, err := s.group(group)
	if err != nil {
		return nil, err
	}
	return g.health(), nil
}

func (s *StandIn) group(name string) (*group, error) {
	g, ok := s.groups[name]
	if !ok {
		return nil, fmt.Errorf("%q: %w", name, ErrNoGroup)
	}
	return g, nil
}

// Close closes all connections, also those of requests that are not over.
func (s *StandIn) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errors.New("the balancer is closed")
	}
	s.closed = true
	for conn := range s.clients {
		_ = conn.Close()
	}
	s.mu.Unlock()
	err := s.ln.Close()
	s.end()
	for _, g := range s.groups {
		g.cut()
	}
	s.running.Wait()
	return err
}

// Counts says what a stand-in has done since it was started.
type Counts struct {
	Requests  int64 // all that could be understood
	NoTarget  int64 // of them: the group had no target that gets requests
	Fixed     int64 // of them: answered by a fixed response
	Lost      int64 // of them: the connection broke before the answer had arrived, or there was none
	TimedOut  int64 // of them: the target did not answer in time
	Malformed int64 // what could not be understood; not in Requests
}

type counters struct {
	requests, noTarget, fixed, lost, timedOut, malformed atomic.Int64
}

// Counts counts the requests.
func (s *StandIn) Counts() Counts {
	c := &s.counts
	return Counts{
		Requests: c.requests.Load(), NoTarget: c.noTarget.Load(), Fixed: c.fixed.Load(),
		Lost: c.lost.Load(), TimedOut: c.timedOut.Load(), Malformed: c.malformed.Load(),
	}
}
