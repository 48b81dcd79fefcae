// Package scheduler plays Amazon ECS: it answers the calls about services and tasks, and does
// what they ask for, as ECS's scheduler and the agent on the instance do.
//
// A service's deployment starts a new task first, as minimumHealthyPercent and
// maximumPercent allow; registers it with its target group and in Cloud Map when it runs;
// and stops an old one when the new one is healthy, to the container's own health check and
// to the load balancer. A task that stops is deregistered first, then gets SIGTERM when the
// load balancer has let it go, and SIGKILL after its stopTimeout. A task whose target is
// unhealthy, or unused, as nothing leads to its group, is replaced.
//
// A field of an input that nothing here knows is an error: ECS would do something about it.
package scheduler

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/splitboard/splitboard/deploy/rehearsal/balancer"
	"github.com/splitboard/splitboard/deploy/verify/account/cloudmap"
	"github.com/splitboard/splitboard/deploy/verify/account/host"
)

// Around is what the scheduler works with.
type Around struct {
	ECS      *ecs.Client            // clusters, instances and task definitions, in the emulator
	Logs     *cloudwatchlogs.Client // in the emulator
	Balancer Balancer
	Names    *cloudmap.Names
	Host     *host.Host
	// Scale divides the times of containers' health checks and the grace periods.
	Scale float64
}

// A Balancer is the load balancer, as far as it concerns ECS: [alb.Balancer].
type Balancer interface {
	// CheckGroup refuses a target group by its ARN.
	CheckGroup(ctx context.Context, arn string) error
	// Used tells whether anything leads to a target group.
	Used(group string) bool
	Register(group string, target netip.AddrPort) error
	Health(group string, target netip.AddrPort) (balancer.State, error)
	// Drain takes a target out, and waits until its requests are answered.
	Drain(ctx context.Context, group string, target netip.AddrPort) error
}

// A Scheduler has the services and tasks of all clusters.
type Scheduler struct {
	Around

	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	running sync.WaitGroup
	wake    chan struct{} // something has changed

	mu       sync.Mutex
	services []*service // also those that were deleted
	tasks    []*task    // also those that have stopped
}

// Start starts a scheduler that has nothing to do yet.
func Start(ctx context.Context, around Around) *Scheduler {
	s := &Scheduler{Around: around, wake: make(chan struct{}, 1)}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(s.loop)
	return s
}

// Close stops all tasks as they are, and waits for that.
func (s *Scheduler) Close() {
	s.stop()
	s.running.Wait()
}

// loop brings each service nearer to what it shall be, whenever something has changed.
func (s *Scheduler) loop() {
	for {
		select {
		case <-s.wake:
		case <-s.ctx.Done():
			return
		}
		s.mu.Lock()
		for _, svc := range s.services {
			s.reconcile(svc)
		}
		s.mu.Unlock()
	}
}

// changed has the loop look again. It does not wait.
func (s *Scheduler) changed() {
	select {
	case s.wake <- struct{}{}:
	default: // it will
	}
}

// scaled divides a time.
func (s *Scheduler) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.Scale)
}

// definition reads a task definition: FAMILY, FAMILY:REVISION or an ARN.
func (s *Scheduler) definition(ctx context.Context, name string) (*types.TaskDefinition, error) {
	got, err := s.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &name})
	if err != nil {
		return nil, fmt.Errorf("the task definition %s: %w", name, err)
	}
	if got.TaskDefinition.Status != types.TaskDefinitionStatusActive {
		return nil, fmt.Errorf("the task definition %s is %s", name, got.TaskDefinition.Status)
	}
	return got.TaskDefinition, nil
}

// last gives what stands after the last slash: the name in an ARN.
func last(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// arnOf makes an ARN of a kind beside that of a cluster.
func arnOf(cluster, kind, name string) string {
	return strings.Replace(cluster, ":cluster/", ":"+kind+"/", 1) + "/" + name
}

// cluster gives a cluster by its name or ARN, with the instances that there are.
func (s *Scheduler) cluster(ctx context.Context, name string) (arn string, instances []types.ContainerInstance, err error) {
	got, err := s.ECS.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{name}})
	if err != nil {
		return "", nil, err
	}
	if len(got.Clusters) != 1 || aws.ToString(got.Clusters[0].Status) != "ACTIVE" {
		return "", nil, errClusterNotFound
	}
	arn = aws.ToString(got.Clusters[0].ClusterArn)
	list, err := s.ECS.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{Cluster: &arn})
	if err != nil || len(list.ContainerInstanceArns) == 0 {
		return arn, nil, err
	}
	described, err := s.ECS.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{Cluster: &arn, ContainerInstances: list.ContainerInstanceArns})
	if err != nil {
		return arn, nil, err
	}
	return arn, described.ContainerInstances, nil
}
