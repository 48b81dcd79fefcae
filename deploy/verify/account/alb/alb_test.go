package alb

import (
	"testing"

	"github.com/splitboard/splitboard/deploy/rehearsal/balancer"
)

// A target is healthy only as long as a rule or the default action leads to its group.
func TestUnused(t *testing.T) {
	b := &Balancer{
		rules: map[string]balancer.Rule{"arn": {Action: balancer.Action{Group: "users"}}},
		rest:  balancer.Action{Group: "api"},
	}
	targets := []balancer.TargetHealth{{Target: "127.0.0.1:1", State: balancer.Healthy}}
	for group, want := range map[string]balancer.State{"users": balancer.Healthy, "api": balancer.Healthy, "posts": Unused} {
		if got := b.seen(group, targets)[0].State; got != want {
			t.Errorf("a target of %s is %s, not %s", group, got, want)
		}
	}
	if targets[0].State != balancer.Healthy {
		t.Error("haproxy's own list was changed")
	}
}
