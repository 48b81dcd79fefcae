package scheduler

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func (s *Scheduler) runTask(ctx context.Context, body []byte) (any, error) {
	var in ecs.RunTaskInput
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	if err := only(in, "ClientToken", "Cluster", "Count", "LaunchType", "Overrides", "StartedBy", "TaskDefinition", "Tags", "Group"); err != nil {
		return nil, err
	}
	if aws.ToInt32(in.Count) != 1 || in.LaunchType != types.LaunchTypeEc2 {
		return nil, invalid("other than one task on EC2 is not emulated")
	}
	cluster, _, err := s.cluster(ctx, aws.ToString(in.Cluster))
	if err != nil {
		return nil, err
	}
	definition, err := s.definition(ctx, aws.ToString(in.TaskDefinition))
	if err != nil {
		return nil, invalid("%v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The CLI makes a token for each call, and gives it again when it tries again.
	for _, t := range s.tasks {
		if in.ClientToken != nil && t.token == *in.ClientToken {
			return object{"tasks": []object{shownTask(t)}, "failures": []object{}}, nil
		}
	}
	t, failure, err := s.place(ctx, cluster, definition, in.Overrides)
	if err != nil {
		return nil, invalid("%v", err)
	}
	if failure != "" {
		return object{"tasks": []object{}, "failures": []object{{"reason": failure}}}, nil
	}
	t.token, t.startedBy = aws.ToString(in.ClientToken), aws.ToString(in.StartedBy)
	if in.Group != nil {
		t.group = *in.Group
	}
	s.run(t) //nolint:contextcheck // it outlives the call
	return object{"tasks": []object{shownTask(t)}, "failures": []object{}}, nil
}

func (s *Scheduler) stopTask(ctx context.Context, body []byte) (any, error) {
	var in ecs.StopTaskInput
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	if _, _, err := s.cluster(ctx, aws.ToString(in.Cluster)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.find(aws.ToString(in.Task))
	if t == nil {
		return nil, invalid("The referenced task was not found.")
	}
	t.endOnce.Do(func() {
		t.reason, t.code = aws.ToString(in.Reason), types.TaskStopCodeUserInitiated
		close(t.endAsked)
	})
	s.changed()
	return object{"task": shownTask(t)}, nil
}

func (s *Scheduler) describeTasks(ctx context.Context, body []byte) (any, error) {
	var in ecs.DescribeTasksInput
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	if _, _, err := s.cluster(ctx, aws.ToString(in.Cluster)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, missing := []object{}, []object{}
	for _, name := range in.Tasks {
		if t := s.find(name); t != nil {
			found = append(found, shownTask(t))
		} else {
			missing = append(missing, object{"arn": name, "reason": "MISSING"})
		}
	}
	return object{"tasks": found, "failures": missing}, nil
}

func (s *Scheduler) listTasks(ctx context.Context, body []byte) (any, error) {
	var in ecs.ListTasksInput
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	if err := only(in, "Cluster", "DesiredStatus", "Family", "MaxResults", "ServiceName", "StartedBy"); err != nil {
		return nil, err
	}
	cluster, _, err := s.cluster(ctx, aws.ToString(in.Cluster))
	if err != nil {
		return nil, err
	}
	wanted := in.DesiredStatus
	if wanted == "" {
		wanted = types.DesiredStatusRunning
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.ServiceName != nil && s.service(cluster, *in.ServiceName) == nil {
		return nil, errServiceNotFound
	}
	arns := []string{}
	for _, t := range s.tasks {
		if t.cluster == cluster && desiredStatus(t) == wanted &&
			(in.ServiceName == nil || t.service != nil && t.service.name() == last(*in.ServiceName)) &&
			(in.StartedBy == nil || t.startedBy == *in.StartedBy) &&
			(in.Family == nil || aws.ToString(t.definition.Family) == *in.Family) {
			arns = append(arns, t.arn)
		}
	}
	return object{"taskArns": arns}, nil
}

func desiredStatus(t *task) types.DesiredStatus {
	if t.stopping() {
		return types.DesiredStatusStopped
	}
	return types.DesiredStatusRunning
}

// shownTask is a task as the API shows it.
func shownTask(t *task) object {
	container := object{
		"name": t.container.Name, "image": t.container.Image, "lastStatus": t.status, "taskArn": t.arn,
		"healthStatus": t.health,
	}
	bindings := make([]object, 0, len(t.ports))
	for port, at := range t.ports {
		bindings = append(bindings, object{"containerPort": port, "hostPort": at.Port(), "protocol": "tcp", "bindIP": "0.0.0.0"})
	}
	container["networkBindings"] = bindings
	if t.exitCode != nil {
		container["exitCode"] = *t.exitCode
	}
	if t.trouble != "" {
		container["reason"] = t.trouble
	}
	shown := object{
		"taskArn": t.arn, "clusterArn": t.cluster, "containerInstanceArn": t.instance, "taskDefinitionArn": t.definition.TaskDefinitionArn,
		"group": t.group, "startedBy": t.startedBy, "lastStatus": t.status, "desiredStatus": desiredStatus(t), "healthStatus": t.health,
		"launchType": types.LaunchTypeEc2, "createdAt": seconds(t.created), "containers": []object{container},
	}
	if t.stopping() {
		shown["stoppedReason"], shown["stopCode"] = t.reason, t.code
	}
	return shown
}
