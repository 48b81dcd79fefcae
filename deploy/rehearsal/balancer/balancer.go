package balancer

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A Balancer leads requests to targets by the path patterns of its rules. It begins
// with no rules and no targets, and with [Setup.Forward] as the default action. It can be
// changed from several goroutines at once; a change holds for all requests that arrive
// after the call has returned.
type Balancer interface {
	// Addr is where clients connect to, as host:port.
	Addr() string
	// AddRule adds a rule. The name and the priority must not be taken.
	AddRule(rule Rule) error
	// DeleteRule deletes a rule by its name.
	DeleteRule(name string) error
	// SetPriorities gives rules, by their names, other priorities, all at once.
	SetPriorities(priorities map[string]int) error
	// SetDefault sets what is done with a request that no rule matches.
	SetDefault(action Action) error
	// Register adds a target, host:port, to a group. It gets no request until it has
	// passed a health check.
	Register(group, target string) error
	// Deregister takes a target from a group: it gets no new request, and those that it
	// is answering have the group's deregistration delay to end. It does not wait for them.
	Deregister(group, target string) error
	// TargetHealth lists a group's targets, those that drain included.
	TargetHealth(group string) ([]TargetHealth, error)
	// Close ends the balancer and all connections.
	Close() error
}

var (
	_ Balancer = (*StandIn)(nil)
	_ Balancer = (*HAProxy)(nil)
)

// HeaderNoTarget is in the answer to a request that the balancer had nowhere to send to;
// its value is the name of the group that had no target, or [NoTargetDefault].
const HeaderNoTarget = "X-Splitboard-No-Target"

// NoTargetDefault is the value of [HeaderNoTarget] if the action was a fixed response.
const NoTargetDefault = "fixed-response"

// Options say how a balancer differs from the files that it follows.
type Options struct {
	// HealthScale divides the interval and the timeout of health checks, so that a
	// rehearsal does not take minutes; 0 is 1.
	HealthScale float64
	// OnHealth, if not nil, is told each change of a target's health. Calls do not
	// overlap, and must not call the balancer.
	OnHealth func(HealthEvent)
}

// A HealthEvent is a change of a target's health.
type HealthEvent struct {
	Time          time.Time
	Group, Target string
	From, To      State // From is empty for a new target, To for one that is gone
}

// State is a target's state, in the ALB's words.
type State string

// The states of a target.
const (
	Initial   State = "initial"   // registered, no health check passed yet
	Healthy   State = "healthy"   //
	Unhealthy State = "unhealthy" // gets requests only if no other target is healthy
	Draining  State = "draining"  // deregistered, its last requests are being answered
)

// TargetHealth is the health of one target.
type TargetHealth struct {
	Target string
	State  State
}

// pollInterval is how often the functions that wait for a target look.
const pollInterval = 5 * time.Millisecond

// WaitHealthy waits until all of a group's targets are healthy and there is one.
func WaitHealthy(ctx context.Context, b Balancer, group string) error {
	return wait(ctx, b, group, "a target that is not healthy", func(targets []TargetHealth) bool {
		return len(targets) > 0 && !slices.ContainsFunc(targets, func(t TargetHealth) bool { return t.State != Healthy })
	})
}

// WaitGone waits until a group no longer has the target, which was deregistered.
func WaitGone(ctx context.Context, b Balancer, group, target string) error {
	return wait(ctx, b, group, "still "+target, func(targets []TargetHealth) bool {
		return !slices.ContainsFunc(targets, func(t TargetHealth) bool { return t.Target == target })
	})
}

func wait(ctx context.Context, b Balancer, group, not string, ok func([]TargetHealth) bool) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		targets, err := b.TargetHealth(group)
		if err != nil {
			return err
		}
		if ok(targets) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("target group %s has %s: %v: %w", group, not, targets, context.Cause(ctx))
		}
	}
}
