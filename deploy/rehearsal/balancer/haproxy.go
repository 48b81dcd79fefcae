package balancer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrNoHAProxy is returned where haproxy is not installed.
var ErrNoHAProxy = errors.New("haproxy is not installed")

// haproxyPoll is how often haproxy is asked for the health of targets.
const haproxyPoll = 20 * time.Millisecond

// HAProxy is haproxy, as a process, with the same files. All changes go through its
// runtime API, so that it never reloads. Where it differs from an ALB:
//
//   - a new target needs the healthy threshold, not just one good check, and stays
//     initial if it never passes;
//   - when all targets of a group are unhealthy it does not fail open;
//   - an answer of no stated length that is cut off looks whole to the client;
//   - when a target closes a connection that was used before without answering, it closes
//     the client's connection without a 502.
type HAProxy struct {
	setup    *Setup
	scale    float64
	onHealth func(HealthEvent)
	addr     string
	dir      string
	api      runtimeAPI
	process  *exec.Cmd
	output   *bytes.Buffer
	exited   chan struct{}
	ctx      context.Context // ends with Close
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu      sync.Mutex
	table   *table
	targets []*haproxyTarget
	servers int // how many there ever were
	closed  bool
}

type haproxyTarget struct {
	group, addr, server string

	state State
	since time.Time // when it began to drain
}

// StartHAProxy starts haproxy on a free port of this machine. It returns ErrNoHAProxy.
func StartHAProxy(ctx context.Context, setup *Setup, options Options) (*HAProxy, error) {
	program, err := exec.LookPath("haproxy")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoHAProxy, err)
	}
	// The path of a socket may have 107 bytes only; this folder's is short.
	dir, err := os.MkdirTemp("", "sb")
	if err != nil {
		return nil, err
	}
	h := &HAProxy{
		setup: setup, scale: options.HealthScale, onHealth: options.OnHealth,
		dir: dir, api: runtimeAPI(filepath.Join(dir, "api")),
		table: &table{rest: setup.Forward}, output: new(bytes.Buffer), exited: make(chan struct{}),
	}
	if err := h.start(ctx, program); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	h.ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
	h.running.Go(h.watch)
	return h, nil
}

// Addr is where clients connect to.
func (h *HAProxy) Addr() string { return h.addr }

// AddRule adds a rule. It returns ErrRuleExists, ErrPriorityInUse or ErrNoGroup.
func (h *HAProxy) AddRule(rule Rule) error {
	return h.change(func(t *table) (*table, error) { return t.add(rule) })
}

// DeleteRule deletes a rule. It returns ErrNoRule.
func (h *HAProxy) DeleteRule(name string) error {
	return h.change(func(t *table) (*table, error) { return t.remove(name) })
}

// SetPriorities gives rules other priorities. It returns ErrNoRule or ErrPriorityInUse.
func (h *HAProxy) SetPriorities(priorities map[string]int) error {
	return h.change(func(t *table) (*table, error) { return t.prioritize(priorities) })
}

// SetDefault sets the default action. It returns ErrNoGroup. Of fixed responses it knows
// those of the setup.
func (h *HAProxy) SetDefault(action Action) error {
	return h.change(func(t *table) (*table, error) { return t.withDefault(action), nil })
}

// change replaces all rules at once.
func (h *HAProxy) change(to func(*table) (*table, error)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	next, err := to(h.table)
	if err != nil {
		return err
	}
	rules, err := renderRules(h.setup, next)
	if err != nil {
		return err
	}
	if err := h.api.replaceMap(h.ctx, h.rulesFile(), rules); err != nil {
		return err
	}
	h.table = next
	return nil
}

// Register adds a target, which must not be in the group unless it drains. It returns
// ErrNoGroup.
func (h *HAProxy) Register(group, target string) error {
	g, ok := h.setup.Groups[group]
	if !ok {
		return fmt.Errorf("%q: %w", group, ErrNoGroup)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.index(group, target) >= 0 {
		return fmt.Errorf("%s is in target group %s already", target, group)
	}
	h.servers++
	t := &haproxyTarget{group: group, addr: target, server: fmt.Sprintf("%s/t%d", backendOf(group), h.servers), state: Initial}
	check := g.Health.scaled(h.scale)
	// A server whose maintenance ends is taken for healthy. So it has no weight until it
	// has been told otherwise: from then on its health checks decide.
	for _, command := range []struct{ text, answer string }{
		{fmt.Sprintf("add server %s %s check inter %dms rise %d fall %d weight 0", t.server, target,
			check.Interval.Milliseconds(), check.Healthy, check.Unhealthy), "New server registered."},
		{"enable health " + t.server, ""},
		{"set server " + t.server + " state ready", ""},
		{"set server " + t.server + " health down", ""},
		{"set server " + t.server + " weight 1", ""},
	} {
		if err := h.api.do(h.ctx, command.text, command.answer); err != nil {
			return err
		}
	}
	h.targets = append(h.targets, t)
	h.event(t, "", Initial)
	return nil
}

// Deregister takes a target out, which must be in the group.
func (h *HAProxy) Deregister(group, target string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := h.index(group, target)
	if i < 0 {
		return fmt.Errorf("%s is not in target group %s", target, group)
	}
	t := h.targets[i]
	if err := h.api.do(h.ctx, "set server "+t.server+" state drain", ""); err != nil {
		return err
	}
	t.since = time.Now()
	h.set(t, Draining)
	return nil
}

// index finds a target that does not drain.
func (h *HAProxy) index(group, addr string) int {
	return slices.IndexFunc(h.targets, func(t *haproxyTarget) bool {
		return t.group == group && t.addr == addr && t.state != Draining
	})
}

// TargetHealth lists a group's targets. It returns ErrNoGroup.
func (h *HAProxy) TargetHealth(group string) ([]TargetHealth, error) {
	if _, ok := h.setup.Groups[group]; !ok {
		return nil, fmt.Errorf("%q: %w", group, ErrNoGroup)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []TargetHealth
	for _, t := range h.targets {
		if t.group == group {
			all = append(all, TargetHealth{t.addr, t.state})
		}
	}
	return all, nil
}

// watch asks haproxy for the health of its servers until Close.
func (h *HAProxy) watch() {
	tick := time.NewTicker(haproxyPoll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.look()
		case <-h.ctx.Done():
			return
		}
	}
}

// look brings the targets up to date. What fails now is tried again with the next look.
func (h *HAProxy) look() {
	h.mu.Lock()
	defer h.mu.Unlock()
	servers, err := h.api.servers(h.ctx)
	if err != nil {
		return
	}
	h.targets = slices.DeleteFunc(h.targets, func(t *haproxyTarget) bool {
		now, ok := servers[t.server]
		switch {
		case !ok:
		case t.state == Draining:
			return h.drained(t, now)
		case strings.HasPrefix(now.status, "UP"):
			h.set(t, Healthy)
		case t.state == Healthy:
			h.set(t, Unhealthy)
		}
		return false
	})
}

// drained takes a target out if it answers nothing any more or its time is over.
func (h *HAProxy) drained(t *haproxyTarget, now serverStatus) bool {
	late := time.Since(t.since) > h.setup.Groups[t.group].DeregistrationDelay
	if now.sessions > 0 && !late {
		return false
	}
	if err := errors.Join(
		h.api.do(h.ctx, "set server "+t.server+" state maint", ""),
		h.api.do(h.ctx, "shutdown sessions server "+t.server, ""),
	); err != nil {
		return false
	}
	h.set(t, "")
	return true
}

func (h *HAProxy) set(t *haproxyTarget, state State) {
	if t.state != state {
		before := t.state
		t.state = state
		h.event(t, before, state)
	}
}

func (h *HAProxy) event(t *haproxyTarget, from, to State) {
	if h.onHealth != nil {
		h.onHealth(HealthEvent{time.Now(), t.group, t.addr, from, to})
	}
}
