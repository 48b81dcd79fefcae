package scheduler

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// A service keeps a number of tasks running. The scheduler's lock guards it.
type service struct {
	arn, cluster string
	status       string // ACTIVE, DRAINING or INACTIVE
	input        ecs.CreateServiceInput
	created      time.Time
	deployments  []*deployment // the primary one first
	completed    *types.TaskDefinition
	events       []event // the newest first
}

// A deployment is tasks of one task definition.
type deployment struct {
	id         string
	definition *types.TaskDefinition
	created    time.Time
	state      types.DeploymentRolloutState
	reason     string
	failed     int // tasks
}

type event struct {
	at   time.Time
	text string
}

// failuresAllowed is how many tasks of a deployment may fail before the circuit breaker
// ends it: ECS's least, which is for up to six tasks.
const failuresAllowed = 3

func (svc *service) name() string { return aws.ToString(svc.input.ServiceName) }

func (svc *service) desired() int { return int(aws.ToInt32(svc.input.DesiredCount)) }

func (svc *service) say(format string, args ...any) {
	text := fmt.Sprintf("(service %s) ", svc.name()) + fmt.Sprintf(format, args...)
	svc.events = slices.Insert(svc.events, 0, event{time.Now(), text})
}

// deploy begins a deployment, which becomes the primary one.
func (svc *service) deploy(definition *types.TaskDefinition) {
	d := &deployment{
		id: fmt.Sprintf("ecs-svc/%019d", rand.Int64()), definition: definition, created: time.Now(), //nolint:gosec // no secret
		state: types.DeploymentRolloutStateInProgress,
	}
	d.reason = "ECS deployment " + d.id + " in progress."
	svc.deployments = slices.Insert(svc.deployments, 0, d)
}

// reconcile starts and stops tasks of a service so that it comes nearer to what it shall
// be.
func (s *Scheduler) reconcile(svc *service) {
	if svc.status == "INACTIVE" {
		return
	}
	primary := svc.deployments[0]
	var current, old, going []*task // going are those that stop
	for _, t := range s.tasks {
		switch {
		case t.service != svc || t.status == stopped:
		case t.stopping():
			going = append(going, t)
		case t.deployment == primary:
			current = append(current, t)
		default:
			old = append(old, t)
		}
	}
	desired := svc.desired()
	least, most := percent(desired, svc.input.DeploymentConfiguration)
	for len(current) > desired {
		svc.say("has stopped 1 running tasks: (task %s).", current[len(current)-1].id)
		current[len(current)-1].end("Scaling activity initiated by (deployment " + primary.id + ")")
		current = current[:len(current)-1]
	}
	for len(current) < desired && len(current)+len(old) < most && primary.state != types.DeploymentRolloutStateFailed {
		t, ok := s.startOf(svc, primary)
		if !ok {
			break
		}
		current = append(current, t)
	}
	ready := 0
	for _, t := range slices.Concat(current, old) {
		if t.ready {
			ready++
		}
	}
	for _, t := range old {
		switch {
		case !t.ready:
		case ready > least:
			ready--
		default:
			continue
		}
		svc.say("has stopped 1 running tasks: (task %s).", t.id)
		t.end("Scaling activity initiated by (deployment " + primary.id + ")")
	}
	s.conclude(svc, len(current) == desired && ready == desired && len(old) == 0, len(going))
}

// conclude ends what has come to its end: a deployment, or the service.
func (s *Scheduler) conclude(svc *service, reached bool, going int) {
	primary := svc.deployments[0]
	if reached && going == 0 {
		svc.deployments = svc.deployments[:1]
		if primary.state == types.DeploymentRolloutStateInProgress {
			primary.state, primary.reason = types.DeploymentRolloutStateCompleted, "ECS deployment "+primary.id+" completed."
			svc.completed = primary.definition
			svc.say("(deployment %s) deployment completed.", primary.id)
			svc.say("has reached a steady state.")
		}
	}
	if svc.status == "DRAINING" && reached && going == 0 {
		svc.status = "INACTIVE"
	}
}

// percent gives how many tasks there must be at least, and may be at most.
func percent(desired int, config *types.DeploymentConfiguration) (least, most int) {
	minimum, maximum := 100, 200
	if config != nil && config.MinimumHealthyPercent != nil {
		minimum = int(*config.MinimumHealthyPercent)
	}
	if config != nil && config.MaximumPercent != nil {
		maximum = int(*config.MaximumPercent)
	}
	return (desired*minimum + 99) / 100, desired * maximum / 100
}

// startOf starts a task of a deployment, if there is an instance for it.
func (s *Scheduler) startOf(svc *service, of *deployment) (*task, bool) {
	t, failure, err := s.place(s.ctx, svc.cluster, of.definition, nil)
	if err != nil {
		failure = err.Error()
	}
	if failure != "" {
		text := "was unable to place a task because no container instance met all of its requirements. Reason: " + failure
		if len(svc.events) == 0 || svc.events[0].text != "(service "+svc.name()+") "+text {
			svc.say("%s", text)
		}
		// Resources come free without any call.
		time.AfterFunc(time.Second, s.changed)
		return nil, false
	}
	t.service, t.deployment, t.group, t.startedBy = svc, of, "service:"+svc.name(), of.id
	svc.say("has started 1 tasks: (task %s).", t.id)
	s.run(t)
	return t, true
}

// failed counts a task of a deployment that failed, which may end the deployment.
func (s *Scheduler) failed(svc *service, d *deployment) {
	d.failed++
	breaker := svc.input.DeploymentConfiguration
	if d.failed < failuresAllowed || d.state != types.DeploymentRolloutStateInProgress || breaker == nil ||
		breaker.DeploymentCircuitBreaker == nil || !breaker.DeploymentCircuitBreaker.Enable {
		return
	}
	d.state, d.reason = types.DeploymentRolloutStateFailed, "ECS deployment circuit breaker: tasks failed to start."
	svc.say("(deployment %s) deployment failed: tasks failed to start.", d.id)
	if breaker.DeploymentCircuitBreaker.Rollback && svc.completed != nil {
		svc.say("rolling back to deployment of %s.", aws.ToString(svc.completed.TaskDefinitionArn))
		svc.deploy(svc.completed)
	}
}

// check refuses an input with anything that is not done here, and what ECS refuses.
func (s *Scheduler) check(ctx context.Context, in *ecs.CreateServiceInput) error {
	if err := only(in, "AvailabilityZoneRebalancing", "Cluster", "DeploymentConfiguration", "DesiredCount", "EnableECSManagedTags",
		"HealthCheckGracePeriodSeconds", "LaunchType", "LoadBalancers", "PropagateTags", "SchedulingStrategy", "ServiceName",
		"ServiceRegistries", "Tags", "TaskDefinition"); err != nil {
		return err
	}
	if c := in.DeploymentConfiguration; c != nil {
		if err := only(c, "DeploymentCircuitBreaker", "MaximumPercent", "MinimumHealthyPercent"); err != nil {
			return err
		}
	}
	if in.LaunchType != types.LaunchTypeEc2 || in.SchedulingStrategy != types.SchedulingStrategyReplica {
		return invalid("another launch type than EC2, or another strategy than REPLICA, is not emulated")
	}
	definition, err := s.definition(ctx, aws.ToString(in.TaskDefinition))
	if err != nil {
		return invalid("%v", err)
	}
	ports := definition.ContainerDefinitions[0].PortMappings
	has := func(container *string, port *int32) bool {
		return aws.ToString(container) == aws.ToString(definition.ContainerDefinitions[0].Name) &&
			slices.ContainsFunc(ports, func(p types.PortMapping) bool { return aws.ToInt32(p.ContainerPort) == aws.ToInt32(port) })
	}
	for _, lb := range in.LoadBalancers {
		if err := only(lb, "ContainerName", "ContainerPort", "TargetGroupArn"); err != nil {
			return err
		}
		group, err := groupOf(lb)
		if err != nil {
			return err
		}
		if !s.Balancer.Used(group) {
			return invalid("The target group with targetGroupArn %s does not have an associated load balancer.", aws.ToString(lb.TargetGroupArn))
		}
		if err := s.Balancer.CheckGroup(ctx, aws.ToString(lb.TargetGroupArn)); err != nil {
			return err
		}
		if !has(lb.ContainerName, lb.ContainerPort) {
			return invalid("The container %s did not have a container port %d defined.", aws.ToString(lb.ContainerName), aws.ToInt32(lb.ContainerPort))
		}
	}
	for _, r := range in.ServiceRegistries {
		if err := only(r, "ContainerName", "ContainerPort", "RegistryArn"); err != nil {
			return err
		}
		if !has(r.ContainerName, r.ContainerPort) {
			return invalid("the service registry %s names no port of the container", aws.ToString(r.RegistryArn))
		}
	}
	return nil
}
