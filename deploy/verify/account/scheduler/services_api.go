package scheduler

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/splitboard/splitboard/deploy/verify/account/front"
)

// object is one in an answer.
type object map[string]any

// Played are the calls that the scheduler answers.
func (s *Scheduler) Played() map[string]front.Play {
	return map[string]front.Play{
		"ecs CreateService": s.createService, "ecs UpdateService": s.updateService, "ecs DeleteService": s.deleteService,
		"ecs DescribeServices": s.describeServices, "ecs RunTask": s.runTask, "ecs StopTask": s.stopTask,
		"ecs DescribeTasks": s.describeTasks, "ecs ListTasks": s.listTasks,
	}
}

func (s *Scheduler) createService(ctx context.Context, body []byte) (any, error) {
	var in ecs.CreateServiceInput
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	cluster, _, err := s.cluster(ctx, aws.ToString(in.Cluster))
	if err != nil {
		return nil, err
	}
	if err := s.check(ctx, &in); err != nil {
		return nil, err
	}
	definition, err := s.definition(ctx, aws.ToString(in.TaskDefinition))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.service(cluster, aws.ToString(in.ServiceName)); was != nil && was.status != "INACTIVE" {
		return nil, invalid("Creation of service was not idempotent.")
	}
	svc := &service{
		arn: arnOf(cluster, "service", aws.ToString(in.ServiceName)), cluster: cluster, status: "ACTIVE", input: in, created: time.Now(),
	}
	svc.deploy(definition)
	s.services = append(s.services, svc)
	s.changed()
	return object{"service": s.shownService(svc)}, nil
}

// service gives the newest service of a name in a cluster.
func (s *Scheduler) service(cluster, name string) *service {
	for _, svc := range slices.Backward(s.services) {
		if svc.cluster == cluster && svc.name() == last(name) {
			return svc
		}
	}
	return nil
}

func (s *Scheduler) updateService(ctx context.Context, body []byte) (any, error) {
	var in ecs.UpdateServiceInput
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	if err := only(in, "Cluster", "DeploymentConfiguration", "DesiredCount", "ForceNewDeployment", "HealthCheckGracePeriodSeconds", "Service", "TaskDefinition"); err != nil {
		return nil, err
	}
	cluster, _, err := s.cluster(ctx, aws.ToString(in.Cluster))
	if err != nil {
		return nil, err
	}
	var definition *types.TaskDefinition
	if in.TaskDefinition != nil {
		if definition, err = s.definition(ctx, *in.TaskDefinition); err != nil {
			return nil, invalid("%v", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	svc := s.service(cluster, aws.ToString(in.Service))
	if svc == nil {
		return nil, errServiceNotFound
	}
	if svc.status != "ACTIVE" {
		return nil, &front.Error{Code: "ServiceNotActiveException", Message: "Service was not ACTIVE."}
	}
	if in.DesiredCount != nil {
		svc.input.DesiredCount = in.DesiredCount
	}
	if in.DeploymentConfiguration != nil {
		svc.input.DeploymentConfiguration = in.DeploymentConfiguration
	}
	if in.HealthCheckGracePeriodSeconds != nil {
		svc.input.HealthCheckGracePeriodSeconds = in.HealthCheckGracePeriodSeconds
	}
	current := svc.deployments[0].definition
	if definition == nil {
		definition = current
	}
	if in.ForceNewDeployment || aws.ToString(definition.TaskDefinitionArn) != aws.ToString(current.TaskDefinitionArn) {
		svc.deploy(definition)
	}
	s.changed()
	return object{"service": s.shownService(svc)}, nil
}

func (s *Scheduler) deleteService(ctx context.Context, body []byte) (any, error) {
	var in ecs.DeleteServiceInput
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	cluster, _, err := s.cluster(ctx, aws.ToString(in.Cluster))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	svc := s.service(cluster, aws.ToString(in.Service))
	if svc == nil || svc.status == "INACTIVE" {
		return nil, errServiceNotFound
	}
	if svc.desired() > 0 && !aws.ToBool(in.Force) {
		return nil, invalid("The service cannot be stopped while it is scaled above 0.")
	}
	svc.status, svc.input.DesiredCount = "DRAINING", aws.Int32(0)
	s.changed()
	return object{"service": s.shownService(svc)}, nil
}

func (s *Scheduler) describeServices(ctx context.Context, body []byte) (any, error) {
	var in ecs.DescribeServicesInput
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	cluster, _, err := s.cluster(ctx, aws.ToString(in.Cluster))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, missing := []object{}, []object{}
	for _, name := range in.Services {
		if svc := s.service(cluster, name); svc != nil {
			found = append(found, s.shownService(svc))
		} else {
			missing = append(missing, object{"arn": arnOf(cluster, "service", last(name)), "reason": "MISSING"})
		}
	}
	return object{"services": found, "failures": missing}, nil
}

// shownService is a service as the API shows it.
func (s *Scheduler) shownService(svc *service) object {
	shown := object{
		"serviceArn": svc.arn, "serviceName": svc.name(), "clusterArn": svc.cluster, "status": svc.status,
		"desiredCount": svc.desired(), "taskDefinition": svc.deployments[0].definition.TaskDefinitionArn,
		"launchType": svc.input.LaunchType, "schedulingStrategy": svc.input.SchedulingStrategy,
		"availabilityZoneRebalancing": svc.input.AvailabilityZoneRebalancing,
		"createdAt":                   seconds(svc.created), "placementConstraints": []object{}, "placementStrategy": []object{},
		"enableECSManagedTags": svc.input.EnableECSManagedTags, "enableExecuteCommand": false,
	}
	if svc.input.HealthCheckGracePeriodSeconds != nil {
		shown["healthCheckGracePeriodSeconds"] = *svc.input.HealthCheckGracePeriodSeconds
	}
	if c := svc.input.DeploymentConfiguration; c != nil {
		config := object{"minimumHealthyPercent": c.MinimumHealthyPercent, "maximumPercent": c.MaximumPercent}
		if b := c.DeploymentCircuitBreaker; b != nil {
			config["deploymentCircuitBreaker"] = object{"enable": b.Enable, "rollback": b.Rollback}
		}
		shown["deploymentConfiguration"] = config
	}
	var runningCount, pendingCount int
	deployments := make([]object, 0, len(svc.deployments))
	for i, d := range svc.deployments {
		runs, waits := s.count(svc, d)
		runningCount, pendingCount = runningCount+runs, pendingCount+waits
		status, desired := "ACTIVE", 0
		if i == 0 {
			status, desired = "PRIMARY", svc.desired()
		}
		deployments = append(deployments, object{
			"id": d.id, "status": status, "taskDefinition": d.definition.TaskDefinitionArn, "desiredCount": desired,
			"runningCount": runs, "pendingCount": waits, "failedTasks": d.failed, "createdAt": seconds(d.created),
			"rolloutState": d.state, "rolloutStateReason": d.reason,
		})
	}
	events := make([]object, 0, len(svc.events))
	for _, e := range svc.events {
		events = append(events, object{"id": seconds(e.at), "createdAt": seconds(e.at), "message": e.text})
	}
	maps.Copy(shown, object{"runningCount": runningCount, "pendingCount": pendingCount, "deployments": deployments, "events": events})
	return shown
}

func (s *Scheduler) count(svc *service, d *deployment) (runs, waits int) {
	for _, t := range s.tasks {
		switch {
		case t.service != svc || t.deployment != d:
		case t.status == running:
			runs++
		case t.status == pending:
			waits++
		}
	}
	return runs, waits
}

// seconds writes a time as AWS's JSON has it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
