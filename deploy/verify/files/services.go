package files

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// checkServices wants a service to run its own task behind its own target group, to be
// found by the others, and to be replaced without a gap.
func checkServices(s *set, say report) {
	s.eachTask(say, func(name, _ string, _ *ecs.RegisterTaskDefinitionInput, c *types.ContainerDefinition) {
		file, service := serviceFile(name), s.services[name]
		if got := aws.ToString(service.ServiceName); got != name {
			say(file, "the service's name is %q, not %q", got, name)
		}
		if aws.ToInt32(service.DesiredCount) != 1 || service.LaunchType != types.LaunchTypeEc2 || service.SchedulingStrategy != types.SchedulingStrategyReplica {
			say(file, "does not run one task on EC2")
		}
		if service.Role != nil {
			say(file, "names a role, which ECS refuses beside service discovery")
		}
		if len(service.LoadBalancers) != 1 || len(service.ServiceRegistries) != 1 {
			say(file, "has not one target group and one registry")
			return
		}
		balancer, registry := service.LoadBalancers[0], service.ServiceRegistries[0]
		checkPort(file, "the load balancer", aws.ToString(balancer.ContainerName), aws.ToInt32(balancer.ContainerPort), httpPort, c, say)
		checkPort(file, "the registry", aws.ToString(registry.ContainerName), aws.ToInt32(registry.ContainerPort), grpcPort, c, say)
		group := s.groups[name]
		if aws.ToString(group.Name) != name {
			say(groupFile(name), "the target group's name is %q, not %q", aws.ToString(group.Name), name)
		}
		if got := aws.ToInt32(group.Port); got != aws.ToInt32(balancer.ContainerPort) {
			say(groupFile(name), "the port is %d, the service's container port is %d", got, aws.ToInt32(balancer.ContainerPort))
		}
		if group.TargetType != "instance" || aws.ToString(group.HealthCheckPort) != "traffic-port" {
			say(groupFile(name), "tasks in bridge mode are targets by instance and port, and checked on that port")
		}
		checkDeployment(file, service.DeploymentConfiguration, say)
	})
}

func checkPort(file, what, container string, port, want int32, c *types.ContainerDefinition, say report) {
	if container != aws.ToString(c.Name) {
		say(file, "%s knows the container as %q, the task definition as %q", what, container, aws.ToString(c.Name))
	}
	if port != want {
		say(file, "%s has the container port %d, not %d", what, port, want)
	}
	for _, m := range c.PortMappings {
		if aws.ToInt32(m.ContainerPort) == port {
			return
		}
	}
	say(file, "%s has the container port %d, the task definition does not", what, port)
}

// checkDeployment wants the new task to be there before the old one goes, and a deployment
// that does not succeed to be taken back.
func checkDeployment(file string, d *types.DeploymentConfiguration, say report) {
	if d == nil || aws.ToInt32(d.MinimumHealthyPercent) != 100 || aws.ToInt32(d.MaximumPercent) != 200 {
		say(file, "a deployment is not 100 to 200 percent, so the only task could go before the next one is there")
	}
	if d == nil || d.DeploymentCircuitBreaker == nil || !d.DeploymentCircuitBreaker.Enable || !d.DeploymentCircuitBreaker.Rollback {
		say(file, "a deployment that does not succeed is not taken back")
	}
}
