// Package alb plays the Application Load Balancer: haproxy, which follows the listener's
// rules and default action in the emulator, and has the targets that ECS registers.
package alb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/splitboard/splitboard/deploy/rehearsal/balancer"
)

// A Balancer is haproxy in the listener's place. Its target groups are those of the files
// in deploy/ecs, by their names.
type Balancer struct {
	haproxy *balancer.HAProxy
	setup   *balancer.Setup
	api     *elb.Client

	mu    sync.Mutex
	rules map[string]balancer.Rule // by ARN, as haproxy has them
	rest  balancer.Action
	names map[string]string // the target group of each rule that ever was, by ARN
}

// Start starts haproxy with the target groups that the files in the folder describe, no
// rules, and the default action that the stack begins with. scale divides the times
// of health checks.
func Start(ctx context.Context, folder string, api *elb.Client, scale float64) (*Balancer, error) {
	setup, err := balancer.Load(folder)
	if err != nil {
		return nil, err
	}
	haproxy, err := balancer.StartHAProxy(ctx, setup, balancer.Options{HealthScale: scale})
	if err != nil {
		return nil, err
	}
	b := &Balancer{haproxy: haproxy, setup: setup, api: api, rules: map[string]balancer.Rule{}, rest: setup.Drop, names: map[string]string{}}
	if err := haproxy.SetDefault(setup.Drop); err != nil {
		return nil, errors.Join(err, haproxy.Close())
	}
	return b, nil
}

// Addr is where clients connect to.
func (b *Balancer) Addr() string { return b.haproxy.Addr() }

// Close ends haproxy.
func (b *Balancer) Close() error { return b.haproxy.Close() }

// Follow makes haproxy's rules and default action those of the listener in the emulator,
// if there is one. After each call of the API there is at most one kind of change.
func (b *Balancer) Follow(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	rules, rest, err := b.read(ctx)
	if err != nil {
		return err
	}
	if !sameAction(rest, b.rest) {
		if err := b.haproxy.SetDefault(rest); err != nil {
			return err
		}
		b.rest = rest
	}
	for _, arn := range slices.Sorted(maps.Keys(b.rules)) {
		if _, there := rules[arn]; !there {
			if err := b.haproxy.DeleteRule(arn); err != nil {
				return err
			}
			delete(b.rules, arn)
		}
	}
	moved := map[string]int{}
	for arn, rule := range b.rules {
		if now := rules[arn]; now.Priority != rule.Priority {
			moved[arn] = now.Priority
		} else if !slices.Equal(now.Patterns, rule.Patterns) || !sameAction(now.Action, rule.Action) {
			return fmt.Errorf("rule %s was modified, which is not emulated", arn)
		}
	}
	if len(moved) > 0 {
		if err := b.haproxy.SetPriorities(moved); err != nil {
			return err
		}
	}
	for arn, rule := range rules {
		if _, there := b.rules[arn]; !there {
			b.names[arn] = rule.Action.Group
			if err := b.haproxy.AddRule(rule); err != nil {
				return err
			}
		}
	}
	b.rules = rules
	return nil
}

func sameAction(a, b balancer.Action) bool {
	if a.Fixed != nil && b.Fixed != nil {
		return *a.Fixed == *b.Fixed
	}
	return a == b
}

// read reads the listener's rules. Without a listener all is as in the beginning.
func (b *Balancer) read(ctx context.Context) (rules map[string]balancer.Rule, rest balancer.Action, err error) {
	rules = map[string]balancer.Rule{}
	balancers, err := b.api.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})
	if err != nil || len(balancers.LoadBalancers) == 0 {
		return rules, b.setup.Drop, err
	}
	listeners, err := b.api.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: balancers.LoadBalancers[0].LoadBalancerArn})
	if err != nil || len(listeners.Listeners) == 0 {
		return rules, b.setup.Drop, err
	}
	if len(balancers.LoadBalancers) > 1 || len(listeners.Listeners) > 1 {
		return nil, rest, errors.New("more than one listener is not emulated")
	}
	if rest, err = actionOf(listeners.Listeners[0].DefaultActions); err != nil {
		return nil, rest, err
	}
	all, err := b.api.DescribeRules(ctx, &elb.DescribeRulesInput{ListenerArn: listeners.Listeners[0].ListenerArn})
	if err != nil {
		return nil, rest, err
	}
	for _, in := range all.Rules {
		if aws.ToBool(in.IsDefault) {
			continue
		}
		rule, err := ruleOf(in)
		if err != nil {
			return nil, rest, err
		}
		rules[rule.Name] = rule
	}
	return rules, rest, nil
}

func ruleOf(in types.Rule) (balancer.Rule, error) {
	arn := aws.ToString(in.RuleArn)
	priority, err := strconv.Atoi(aws.ToString(in.Priority))
	if err != nil {
		return balancer.Rule{}, err
	}
	if len(in.Conditions) != 1 || aws.ToString(in.Conditions[0].Field) != "path-pattern" {
		return balancer.Rule{}, fmt.Errorf("rule %s has other conditions than one path pattern, which is not emulated", arn)
	}
	patterns := in.Conditions[0].Values
	if config := in.Conditions[0].PathPatternConfig; config != nil {
		patterns = config.Values
	}
	action, err := actionOf(in.Actions)
	return balancer.Rule{Name: arn, Priority: priority, Patterns: patterns, Action: action}, err
}

func actionOf(actions []types.Action) (balancer.Action, error) {
	if len(actions) != 1 {
		return balancer.Action{}, fmt.Errorf("%d actions are not emulated", len(actions))
	}
	switch a := actions[0]; a.Type {
	case types.ActionTypeEnumForward:
		arn := aws.ToString(a.TargetGroupArn)
		if arn == "" && a.ForwardConfig != nil && len(a.ForwardConfig.TargetGroups) == 1 {
			arn = aws.ToString(a.ForwardConfig.TargetGroups[0].TargetGroupArn)
		}
		group, err := GroupOf(arn)
		return balancer.Action{Group: group}, err
	case types.ActionTypeEnumFixedResponse:
		fixed := a.FixedResponseConfig
		code, err := strconv.Atoi(aws.ToString(fixed.StatusCode))
		return balancer.Action{Fixed: &balancer.FixedResponse{
			StatusCode: code, ContentType: aws.ToString(fixed.ContentType), Body: aws.ToString(fixed.MessageBody),
		}}, err
	default:
		return balancer.Action{}, fmt.Errorf("the action %s is not emulated", a.Type)
	}
}

// GroupOf gives a target group's name from its ARN.
func GroupOf(arn string) (string, error) {
	_, path, ok := strings.Cut(arn, ":targetgroup/")
	name, _, ok2 := strings.Cut(path, "/")
	if !ok || !ok2 {
		return "", fmt.Errorf("%q is no target group's ARN", arn)
	}
	return name, nil
}

// RuleName gives the name of the target group that a rule leads to, or led to.
func (b *Balancer) RuleName(arn string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.names[arn]
}

// Used tells whether a rule or the default action leads to a target group.
func (b *Balancer) Used(group string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rest.Group == group || slices.ContainsFunc(slices.Collect(maps.Values(b.rules)), func(r balancer.Rule) bool { return r.Action.Group == group })
}

// Register adds a target to a group.
func (b *Balancer) Register(group string, target netip.AddrPort) error {
	return b.haproxy.Register(group, target.String())
}

// Unused is the state of a target whose group nothing leads to: the load balancer does not
// check its health.
const Unused balancer.State = "unused"

// Health gives the state of a target, as DescribeTargetHealth does. A target that is not in
// the group has none.
func (b *Balancer) Health(group string, target netip.AddrPort) (balancer.State, error) {
	targets, err := b.targets(group)
	for _, t := range targets {
		if t.Target == target.String() {
			return t.State, err
		}
	}
	return "", err
}

func (b *Balancer) targets(group string) ([]balancer.TargetHealth, error) {
	targets, err := b.haproxy.TargetHealth(group)
	return b.seen(group, targets), err
}

// seen gives the targets of a group as the load balancer sees them: haproxy checks the
// health of those that nothing leads to, too.
func (b *Balancer) seen(group string, targets []balancer.TargetHealth) []balancer.TargetHealth {
	if b.Used(group) {
		return targets
	}
	unused := slices.Clone(targets)
	for i := range unused {
		unused[i].State = Unused
	}
	return unused
}

// Drain takes a target out of a group, and waits until what it was answering is over, or
// its time, the group's deregistration delay.
func (b *Balancer) Drain(ctx context.Context, group string, target netip.AddrPort) error {
	if err := b.haproxy.Deregister(group, target.String()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, b.setup.Groups[group].DeregistrationDelay+time.Minute)
	defer cancel()
	return balancer.WaitGone(ctx, b.haproxy, group, target.String())
}
