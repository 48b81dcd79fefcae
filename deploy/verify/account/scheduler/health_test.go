package scheduler

import (
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/splitboard/splitboard/deploy/rehearsal/balancer"
	"github.com/splitboard/splitboard/deploy/verify/account/alb"
)

// said is a load balancer that says one thing of each target.
type said struct {
	Balancer

	state balancer.State
}

func (s said) Health(string, netip.AddrPort) (balancer.State, error) { return s.state, nil }

// A task is replaced when the load balancer does not find it healthy or does not look after
// it, but for its first time.
func TestJudge(t *testing.T) {
	const grace = time.Minute
	for _, each := range []struct {
		state           balancer.State
		age             time.Duration
		ready, replaced bool
	}{
		{balancer.Healthy, 2 * grace, true, false},
		{balancer.Initial, 2 * grace, false, false},
		{balancer.Unhealthy, 2 * grace, false, true},
		{alb.Unused, 2 * grace, false, true},
		{alb.Unused, grace / 2, false, false},
	} {
		s := &Scheduler{Around: Around{Balancer: said{state: each.state}, Scale: 1}, wake: make(chan struct{}, 1)}
		one := &task{
			started: time.Now().Add(-each.age), status: running, endAsked: make(chan struct{}), ready: !each.ready,
			ports: map[int]netip.AddrPort{3000: netip.MustParseAddrPort("127.0.0.1:1")},
			service: &service{input: ecs.CreateServiceInput{
				HealthCheckGracePeriodSeconds: aws.Int32(int32(grace.Seconds())),
				LoadBalancers: []types.LoadBalancer{{
					ContainerPort: aws.Int32(3000), TargetGroupArn: aws.String("arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/users/1"),
				}},
			}},
		}
		if err := s.judge(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		if one.ready != each.ready || one.stopping() != each.replaced {
			t.Errorf("%s after %s: ready %t, replaced %t", each.state, each.age, one.ready, one.stopping())
		}
	}
}
