package play

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/balancer"
	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
)

// apiRule is the rule, and the target group, of the monolith.
const apiRule = "api"

// services are the services, in the order in which they need each other.
var services = []string{cast.Users, cast.Threads, cast.Posts}

const (
	// startTimeout is how long a process may take to be ready, and then to be healthy.
	startTimeout = 20 * time.Second
	// stopTimeout is how long one may take to end.
	stopTimeout = 20 * time.Second
	// drain is what processes are told of --drain: long enough for the clients' next
	// requests to go elsewhere.
	drain = "1s"
)

// A Stage is the board on one machine: its processes, and the load balancer before them.
type Stage struct {
	Programs cast.Programs
	Data     string
	Balancer balancer.Balancer
	Setup    *balancer.Setup

	monolith *cast.Process
	service  map[string]*cast.Process
	standby  *cast.Process // a monolith that no client asks; for killing

	// entries are the gRPC addresses that clients use, as a map by service that is
	// replaced and never changed.
	entries atomic.Pointer[map[string]string]
}

// NewStage makes a stage on which nothing runs yet.
func NewStage(programs cast.Programs, data string, b balancer.Balancer, setup *balancer.Setup) *Stage {
	s := &Stage{Programs: programs, Data: data, Balancer: b, Setup: setup, service: make(map[string]*cast.Process)}
	s.entries.Store(&map[string]string{})
	s.monolith = s.process("monolith", cast.Monolith)
	s.standby = s.process("standby", cast.Monolith)
	return s
}

func (s *Stage) process(name, program string, args ...string) *cast.Process {
	return &cast.Process{
		Name: name, Program: s.Programs.Path(program),
		Args: append([]string{"--data", s.Data, "--seed", "none", "--drain", drain}, args...),
	}
}

// Operator gives the operator's commands about the board.
func (s *Stage) Operator() cast.Operator {
	return cast.Operator{Program: s.Programs.Path(cast.Monolith), Data: s.Data}
}

// REST is where REST requests enter: the load balancer.
func (s *Stage) REST(string) string { return s.Balancer.Addr() }

// GRPC is where a service's RPCs enter: its own process, or the monolith as the second
// choice, as callers inside are configured. It is empty while there is neither.
func (s *Stage) GRPC(service string) string { return (*s.entries.Load())[service] }

// rest gives the address of a process that serves a service's paths, past the load
// balancer.
func (s *Stage) rest(service string) string {
	if p := s.service[service]; p != nil && p.Running() {
		return p.HTTP()
	}
	return s.monolith.HTTP()
}

// enter decides anew where RPCs enter, without those processes that are about to end.
func (s *Stage) enter(leaving ...*cast.Process) {
	entries := make(map[string]string)
	here := func(p *cast.Process) bool {
		return p != nil && p.Running() && !slices.Contains(leaving, p)
	}
	for _, name := range services {
		switch {
		case here(s.service[name]):
			entries[name] = s.service[name].GRPC()
		case here(s.monolith):
			entries[name] = s.monolith.GRPC()
		}
	}
	s.entries.Store(&entries)
}

// StartMonolith starts the monolith and waits until the load balancer sends to it.
func (s *Stage) StartMonolith(ctx context.Context) error {
	return s.start(ctx, s.monolith, apiRule)
}

// StartService starts a service and waits until the load balancer sends to it.
func (s *Stage) StartService(ctx context.Context, name string) error {
	if s.service[name] == nil {
		s.service[name] = s.process(name, name, s.peers(name)...)
	}
	return s.start(ctx, s.service[name], name)
}

// peers gives the flags that name the services which a service asks: the service itself,
// and the monolith as the second choice.
func (s *Stage) peers(name string) []string {
	var flags []string
	for _, peer := range services {
		if peer == name {
			break
		}
		targets := s.service[peer].GRPC()
		if second := s.monolith.GRPC(); second != "" {
			targets += "," + second
		}
		flags = append(flags, "--"+peer+"-addr", targets)
	}
	return flags
}

func (s *Stage) start(ctx context.Context, p *cast.Process, group string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.Start(ctx); err != nil {
		return err
	}
	s.enter()
	if err := s.Balancer.Register(group, p.HTTP()); err != nil {
		return err
	}
	return balancer.WaitHealthy(ctx, s.Balancer, group)
}

// StopMonolith takes the monolith out of the load balancer and ends it.
func (s *Stage) StopMonolith(ctx context.Context) error { return s.stop(ctx, s.monolith, apiRule) }

// StopService takes a service out of the load balancer and ends it.
func (s *Stage) StopService(ctx context.Context, name string) error {
	return s.stop(ctx, s.service[name], name)
}

// stop does what ECS does with a task that is to end: no new request, the delay for those
// in progress, SIGTERM.
func (s *Stage) stop(ctx context.Context, p *cast.Process, group string) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	s.enter(p)
	if err := s.Balancer.Deregister(group, p.HTTP()); err != nil {
		return err
	}
	if err := balancer.WaitGone(ctx, s.Balancer, group, p.HTTP()); err != nil {
		return err
	}
	code, err := p.Terminate(ctx)
	if err == nil && code != 0 {
		err = fmt.Errorf("%s ended with %d\n%s", p.Name, code, p.Log())
	}
	return err
}

// KillOwner gives all stores to a process that no client asks, and kills it as soon as it
// owns them. The others must go on as if nothing had happened.
func (s *Stage) KillOwner(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if len(s.running()) == 0 {
		return nil // nobody would be left
	}
	if err := s.standby.Start(ctx); err != nil {
		return err
	}
	_, moved := s.Operator().Handoff(ctx, "", s.standby.Instance())
	return errors.Join(moved, s.standby.Kill())
}

// running gives the processes that clients may ask.
func (s *Stage) running() []*cast.Process {
	var list []*cast.Process
	for _, name := range services {
		if p := s.service[name]; p != nil && p.Running() {
			list = append(list, p)
		}
	}
	if s.monolith.Running() {
		list = append(list, s.monolith)
	}
	return list
}

// Close ends whatever runs, in good order, and the load balancer. It returns what did not
// end well.
func (s *Stage) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	var errs []error
	for _, p := range append(s.running(), s.standby) {
		if !p.Running() {
			continue
		}
		code, err := p.Terminate(ctx)
		if err == nil && code != 0 {
			err = fmt.Errorf("%s ended with %d\n%s", p.Name, code, p.Log())
		}
		errs = append(errs, err, p.Kill())
	}
	return errors.Join(append(errs, s.Balancer.Close())...)
}

// each does something for one service after another.
func (s *Stage) each(ctx context.Context, names []string, do func(context.Context, string) error) error {
	for _, name := range names {
		if err := do(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
