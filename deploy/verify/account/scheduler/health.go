package scheduler

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/splitboard/splitboard/deploy/rehearsal/balancer"
	"github.com/splitboard/splitboard/deploy/verify/account/alb"
	"github.com/splitboard/splitboard/deploy/verify/account/host"
)

// checkHealth asks the container's own health check.
func (s *Scheduler) checkHealth(ctx context.Context, t *task, c *host.Container) {
	h := t.container.HealthCheck
	// Not the check's own timeout: where the machine is busy, it is podman that takes so long.
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := c.Health(ctx)
	s.set(func() {
		switch {
		case err == nil:
			t.unhealthy, t.health = 0, types.HealthStatusHealthy
		case time.Since(t.started) < s.scaled(time.Duration(aws.ToInt32(h.StartPeriod))*time.Second):
		default:
			if t.unhealthy++; t.unhealthy >= int(aws.ToInt32(h.Retries)) {
				t.health, t.trouble = types.HealthStatusUnhealthy, err.Error()
			}
		}
	})
}

// judge decides from all that is known whether the task is ready, or has to be replaced.
func (s *Scheduler) judge(ctx context.Context, t *task) error {
	ready := t.container.HealthCheck == nil || t.health == types.HealthStatusHealthy
	bad := t.health == types.HealthStatusUnhealthy
	why := "Task failed container health checks"
	if t.service == nil {
		return nil // nobody replaces it
	}
	for _, lb := range t.service.input.LoadBalancers {
		group, err1 := groupOf(lb)
		target := t.ports[int(aws.ToInt32(lb.ContainerPort))]
		state, err2 := s.Balancer.Health(group, target)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		ready = ready && state == balancer.Healthy
		if !bad && (state == balancer.Unhealthy || state == alb.Unused) {
			bad, why = true, "Task failed ELB health checks in (target-group "+aws.ToString(lb.TargetGroupArn)+")"
		}
	}
	for _, r := range t.service.input.ServiceRegistries {
		if err := s.Names.SetHealth(ctx, aws.ToString(r.RegistryArn), t.id, t.health == types.HealthStatusHealthy); err != nil {
			return err
		}
	}
	s.mu.Lock()
	grace := s.scaled(time.Duration(aws.ToInt32(t.service.input.HealthCheckGracePeriodSeconds)) * time.Second)
	s.mu.Unlock()
	if bad && time.Since(t.started) > grace {
		t.endOnce.Do(func() {
			t.reason = why
			close(t.endAsked)
		})
	}
	if ready != t.ready {
		s.set(func() { t.ready = ready })
	}
	return nil
}
