package scheduler

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/splitboard/splitboard/deploy/verify/account/alb"
	"github.com/splitboard/splitboard/deploy/verify/account/host"
)

// The states of a task, in ECS's words and order.
const (
	pending      = "PENDING"
	running      = "RUNNING"
	deactivating = "DEACTIVATING"
	stopping     = "STOPPING"
	stopped      = "STOPPED"
)

// look is how often a task that runs is looked after.
const look = 100 * time.Millisecond

// A task is a container. The scheduler's lock guards what changes.
type task struct {
	id, arn, cluster, instance string
	definition                 *types.TaskDefinition
	container                  types.ContainerDefinition // with what the task overrides
	overrides                  *types.TaskOverride
	service                    *service // nil if it was run by itself
	deployment                 *deployment
	group, startedBy, token    string
	created                    time.Time

	status    string
	health    types.HealthStatus
	ready     bool // healthy to all who are asked about it
	ports     map[int]netip.AddrPort
	exitCode  *int
	reason    string // why it stops
	code      types.TaskStopCode
	trouble   string // why the container did not run
	started   time.Time
	endOnce   sync.Once
	endAsked  chan struct{}
	unhealthy int // checks in a row
	log       *logWriter
}

// stopping tells whether the task shall stop, or has.
func (t *task) stopping() bool {
	select {
	case <-t.endAsked:
		return true
	default:
		return t.status == stopped
	}
}

// end has the task stop for a reason. Only the first one counts.
func (t *task) end(reason string) {
	t.endOnce.Do(func() {
		t.reason, t.code = reason, types.TaskStopCodeServiceSchedulerInitiated
		close(t.endAsked)
	})
}

// place makes a task on an instance that has room for it. failure is why there is none.
func (s *Scheduler) place(ctx context.Context, cluster string, definition *types.TaskDefinition, override *types.TaskOverride) (t *task, failure string, err error) {
	if err := checkDefinition(definition); err != nil {
		return nil, "", err
	}
	container, err := overridden(definition.ContainerDefinitions[0], override)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, instances, err := s.cluster(ctx, cluster)
	if err != nil {
		return nil, "", err
	}
	failure = "No Container Instances were found in your cluster."
	for _, instance := range instances {
		cpu, memory := s.used(aws.ToString(instance.ContainerInstanceArn))
		if failure, err = fits(&instance, definition, &container, cpu, memory); err != nil {
			return nil, "", err
		}
		if failure != "" {
			continue
		}
		id := newID()
		t := &task{
			id: id, arn: arnOf(cluster, "task", id), cluster: cluster, instance: aws.ToString(instance.ContainerInstanceArn),
			definition: definition, container: container, overrides: override, group: "family:" + aws.ToString(definition.Family),
			created: time.Now(), status: pending, health: types.HealthStatusUnknown, endAsked: make(chan struct{}),
		}
		s.tasks = append(s.tasks, t)
		return t, "", nil
	}
	return nil, failure, nil
}

// newID makes an id as ECS's tasks have them.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// used gives what the tasks on an instance take.
func (s *Scheduler) used(instance string) (cpu, memory int) {
	for _, t := range s.tasks {
		if t.instance == instance && t.status != stopped {
			cpu += int(t.container.Cpu)
			memory += int(aws.ToInt32(t.container.Memory))
		}
	}
	return cpu, memory
}

// run lives the task's life.
func (s *Scheduler) run(t *task) {
	log := s.logOf(t)
	t.log = log
	s.running.Go(func() {
		c, err := s.bringUp(t, log)
		if err != nil {
			s.set(func() { t.trouble = err.Error() })
			t.endOnce.Do(func() {
				t.reason, t.code = "Task failed to start", types.TaskStopCodeTaskFailedToStart
				close(t.endAsked)
			})
		} else {
			s.live(t, c)
		}
		log.close()
		s.set(func() {
			t.status, t.ready = stopped, false
			if t.service != nil && t.code != types.TaskStopCodeServiceSchedulerInitiated && t.code != types.TaskStopCodeUserInitiated {
				s.failed(t.service, t.deployment)
			}
		})
	})
}

// bringUp pulls the image and starts the container.
func (s *Scheduler) bringUp(t *task, log *logWriter) (*host.Container, error) {
	if err := log.open(); err != nil {
		return nil, fmt.Errorf("ResourceInitializationError: %w", err)
	}
	if err := s.Host.Pull(s.ctx, aws.ToString(t.container.Image)); err != nil {
		return nil, fmt.Errorf("CannotPullContainerError: %w", err)
	}
	c, err := s.Host.Start(s.ctx, aws.ToString(t.definition.Family)+"-"+t.id, &t.container, t.definition.Volumes, log)
	if err != nil {
		return nil, fmt.Errorf("CannotStartContainerError: %w", err)
	}
	s.set(func() { t.status, t.started, t.ports = running, time.Now(), c.Ports })
	return c, nil
}

// live looks after a container that runs until it has ended or shall end, and sees to its
// end.
func (s *Scheduler) live(t *task, c *host.Container) {
	ctx := context.WithoutCancel(s.ctx)
	err := s.register(ctx, t, true)
	exit, ended := -1, false
	if err == nil {
		exit, ended, err = s.attend(ctx, t, c)
	}
	if err != nil {
		s.set(func() { t.trouble = err.Error() })
		t.end("Task failed: " + err.Error())
	}
	if !ended {
		s.set(func() { t.status, t.ready = deactivating, false })
	}
	if err := s.register(ctx, t, false); err != nil {
		s.set(func() { t.trouble = err.Error() })
	}
	if !ended {
		s.set(func() { t.status = stopping })
		if err := c.Stop(ctx); err != nil {
			s.set(func() { t.trouble = err.Error() })
		}
		exit = <-c.Ended
	}
	s.set(func() { t.exitCode = &exit })
	if err := c.Remove(ctx); err != nil {
		s.set(func() { t.trouble = err.Error() })
	}
}

// attend looks after a container until it has ended by itself, or shall.
func (s *Scheduler) attend(ctx context.Context, t *task, c *host.Container) (exit int, ended bool, err error) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	next := time.Now()
	if h := t.container.HealthCheck; h != nil {
		next = next.Add(s.scaled(time.Duration(aws.ToInt32(h.Interval)) * time.Second))
	}
	for {
		select {
		case exit := <-c.Ended:
			t.endOnce.Do(func() {
				t.reason, t.code = "Essential container in task exited", types.TaskStopCodeEssentialContainerExited
				close(t.endAsked)
			})
			return exit, true, nil
		case <-t.endAsked:
			return 0, false, nil
		case <-s.ctx.Done():
			t.end("the emulation ends")
			return 0, false, nil
		case <-tick.C:
		}
		if h := t.container.HealthCheck; h != nil && time.Now().After(next) {
			s.checkHealth(ctx, t, c)
			interval := time.Duration(aws.ToInt32(h.Interval)) * time.Second
			if t.health != types.HealthStatusHealthy {
				interval = s.scaled(interval) // somebody waits for it
			}
			next = time.Now().Add(interval)
		}
		if err := s.judge(ctx, t); err != nil {
			return 0, false, err
		}
	}
}

// register enters a task of a service in its target groups and registries, or takes it out
// again, which takes as long as the load balancer needs to let it go.
func (s *Scheduler) register(ctx context.Context, t *task, in bool) error {
	if t.service == nil {
		return nil
	}
	var errs []error
	for _, r := range t.service.input.ServiceRegistries {
		if in {
			errs = append(errs, s.Names.Register(ctx, aws.ToString(r.RegistryArn), t.id, t.ports[int(aws.ToInt32(r.ContainerPort))]))
		} else {
			errs = append(errs, s.Names.Deregister(ctx, aws.ToString(r.RegistryArn), t.id))
		}
	}
	for _, lb := range t.service.input.LoadBalancers {
		group, err := groupOf(lb)
		target := t.ports[int(aws.ToInt32(lb.ContainerPort))]
		switch {
		case err != nil:
		case in:
			err = s.Balancer.Register(group, target)
		default:
			err = s.Balancer.Drain(ctx, group, target)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func groupOf(lb types.LoadBalancer) (string, error) {
	return alb.GroupOf(aws.ToString(lb.TargetGroupArn))
}

// set changes a task under the lock, and has the scheduler look.
func (s *Scheduler) set(change func()) {
	s.mu.Lock()
	change()
	s.mu.Unlock()
	s.changed()
}

// find gives a task by its id or ARN.
func (s *Scheduler) find(name string) *task {
	i := slices.IndexFunc(s.tasks, func(t *task) bool { return t.id == last(name) })
	if i < 0 {
		return nil
	}
	return s.tasks[i]
}
