package scheduler

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// checkDefinition refuses a task definition with anything that the agent here does not do.
func checkDefinition(d *types.TaskDefinition) error {
	errs := []error{only(d, "Compatibilities", "ContainerDefinitions", "ExecutionRoleArn", "Family", "NetworkMode", "PlacementConstraints",
		"RegisteredAt", "RegisteredBy", "RequiresAttributes", "RequiresCompatibilities", "Revision", "Status", "TaskDefinitionArn", "TaskRoleArn", "Volumes")}
	if d.NetworkMode != types.NetworkModeBridge || !slices.Equal(d.RequiresCompatibilities, []types.Compatibility{types.CompatibilityEc2}) || len(d.ContainerDefinitions) != 1 {
		errs = append(errs, errors.New("a task of more than one container, or not in bridge mode on EC2, is not emulated"))
	}
	for _, v := range d.Volumes {
		errs = append(errs, only(v, "Name", "Host"))
	}
	for _, c := range d.ContainerDefinitions {
		errs = append(errs, checkContainer(&c))
	}
	return errors.Join(errs...)
}

func checkContainer(c *types.ContainerDefinition) error {
	errs := []error{only(c, "Command", "Cpu", "DockerSecurityOptions", "Environment", "Essential", "HealthCheck", "Image", "LinuxParameters",
		"LogConfiguration", "Memory", "MountPoints", "Name", "PortMappings", "ReadonlyRootFilesystem", "StopTimeout", "Ulimits", "User", "VolumesFrom")}
	if !aws.ToBool(c.Essential) || len(c.VolumesFrom) > 0 {
		errs = append(errs, errors.New("a container that is not essential, or has another one's volumes, is not emulated"))
	}
	for _, o := range c.DockerSecurityOptions {
		if o != "no-new-privileges" {
			errs = append(errs, fmt.Errorf("the security option %s is not emulated", o))
		}
	}
	if p := c.LinuxParameters; p != nil {
		errs = append(errs, only(p, "Capabilities"))
		if p.Capabilities != nil && (len(p.Capabilities.Add) > 0 || !slices.Equal(p.Capabilities.Drop, []string{"ALL"})) {
			errs = append(errs, errors.New("other capabilities than to drop ALL are not emulated"))
		}
	}
	for _, p := range c.PortMappings {
		errs = append(errs, only(p, "ContainerPort", "HostPort", "Protocol"))
		if aws.ToInt32(p.HostPort) != 0 || p.Protocol == types.TransportProtocolUdp {
			errs = append(errs, errors.New("a fixed port of the host, or UDP, is not emulated"))
		}
	}
	for _, m := range c.MountPoints {
		errs = append(errs, only(m, "ContainerPath", "ReadOnly", "SourceVolume"))
	}
	if h := c.HealthCheck; h != nil {
		errs = append(errs, only(h, "Command", "Interval", "Retries", "StartPeriod", "Timeout"))
	}
	if l := c.LogConfiguration; l == nil || l.LogDriver != types.LogDriverAwslogs {
		errs = append(errs, errors.New("another log driver than awslogs is not emulated"))
	} else {
		errs = append(errs, only(l, "LogDriver", "Options"))
		for name := range l.Options {
			if !slices.Contains([]string{"awslogs-group", "awslogs-region", "awslogs-stream-prefix", "mode", "max-buffer-size"}, name) {
				errs = append(errs, fmt.Errorf("the log option %s is not emulated", name))
			}
		}
	}
	return errors.Join(errs...)
}

// overridden gives the container of a task definition with what run-task says otherwise.
func overridden(c types.ContainerDefinition, override *types.TaskOverride) (types.ContainerDefinition, error) {
	if override == nil {
		return c, nil
	}
	err := only(override, "ContainerOverrides")
	for _, o := range override.ContainerOverrides {
		err = errors.Join(err, only(o, "Name", "Command", "Environment", "Cpu", "Memory"))
		if aws.ToString(o.Name) != aws.ToString(c.Name) {
			err = errors.Join(err, fmt.Errorf("there is no container %s", aws.ToString(o.Name)))
		}
		if o.Command != nil {
			c.Command = o.Command
		}
		if o.Cpu != nil {
			c.Cpu = *o.Cpu
		}
		if o.Memory != nil {
			c.Memory = o.Memory
		}
		c.Environment = slices.Clone(c.Environment)
		for _, e := range o.Environment {
			c.Environment = slices.DeleteFunc(c.Environment, func(was types.KeyValuePair) bool { return aws.ToString(was.Name) == aws.ToString(e.Name) })
			c.Environment = append(c.Environment, e)
		}
	}
	return c, err
}

var attributeIs = regexp.MustCompile(`^attribute:([\w.-]+) == ([\w.-]+)$`)

// fits tells why a task cannot be placed on an instance, in ECS's words, or nothing. used
// are the CPU units and MiB of the tasks that are on it.
func fits(instance *types.ContainerInstance, d *types.TaskDefinition, c *types.ContainerDefinition, usedCPU, usedMemory int) (failure string, err error) {
	for _, constraint := range d.PlacementConstraints {
		want := attributeIs.FindStringSubmatch(aws.ToString(constraint.Expression))
		if constraint.Type != types.TaskDefinitionPlacementConstraintTypeMemberOf || want == nil {
			return "", fmt.Errorf("the placement constraint %s is not emulated", aws.ToString(constraint.Expression))
		}
		if !slices.ContainsFunc(instance.Attributes, func(a types.Attribute) bool {
			return aws.ToString(a.Name) == want[1] && aws.ToString(a.Value) == want[2]
		}) {
			return "MemberOf placement constraint unsatisfied.", nil
		}
	}
	for _, r := range instance.RegisteredResources {
		switch {
		case aws.ToString(r.Name) == "CPU" && usedCPU+int(c.Cpu) > int(r.IntegerValue):
			return "RESOURCE:CPU", nil
		case aws.ToString(r.Name) == "MEMORY" && usedMemory+int(aws.ToInt32(c.Memory)) > int(r.IntegerValue):
			return "RESOURCE:MEMORY", nil
		}
	}
	return "", nil
}
