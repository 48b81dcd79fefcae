package files

import (
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// The ports of every program, and the user of its image.
const (
	httpPort = 3000
	grpcPort = 50051
	user     = "65532:65532"
)

// eachTask calls f with every task definition and its one container.
func (s *set) eachTask(say report, f func(name, file string, task *ecs.RegisterTaskDefinitionInput, c *types.ContainerDefinition)) {
	for _, name := range names {
		task := s.tasks[name]
		if len(task.ContainerDefinitions) != 1 {
			say(taskFile(name), "has %d containers; the scripts and the services know of one", len(task.ContainerDefinitions))
			continue
		}
		f(name, taskFile(name), task, &task.ContainerDefinitions[0])
	}
}

// checkTutorial wants the tutorial's names and numbers.
func checkTutorial(s *set, say report) {
	s.eachTask(say, func(name, file string, task *ecs.RegisterTaskDefinitionInput, c *types.ContainerDefinition) {
		if got := aws.ToString(task.Family); got != name {
			say(file, "the family is %q, not %q", got, name)
		}
		if got := aws.ToString(c.Name); got != name {
			say(file, "the container's name is %q, not %q", got, name)
		}
		if task.NetworkMode != types.NetworkModeBridge {
			say(file, "the network mode is %q, not bridge", task.NetworkMode)
		}
		if !slices.Equal(task.RequiresCompatibilities, []types.Compatibility{types.CompatibilityEc2}) {
			say(file, "requires %v, not EC2", task.RequiresCompatibilities)
		}
		if c.Cpu != 256 || aws.ToInt32(c.Memory) != 256 {
			say(file, "has cpu %d and memory %d, not 256 and 256", c.Cpu, aws.ToInt32(c.Memory))
		}
		if !aws.ToBool(c.Essential) {
			say(file, "the container is not essential, so a task could run without it")
		}
	})
	for _, name := range names {
		group := s.groups[name]
		if aws.ToInt32(group.HealthyThresholdCount) != 2 || aws.ToInt32(group.UnhealthyThresholdCount) != 2 ||
			aws.ToInt32(group.HealthCheckIntervalSeconds) != 6 || aws.ToInt32(group.HealthCheckTimeoutSeconds) != 5 {
			say(groupFile(name), "the health check has not the tutorial's thresholds of 2 and 2, timeout of 5 and interval of 6")
		}
		if aws.ToString(group.HealthCheckPath) != "/" {
			say(groupFile(name), "the health check asks for %q, not /", aws.ToString(group.HealthCheckPath))
		}
	}
}

// checkHardening wants a container to have what it needs and nothing more.
func checkHardening(s *set, say report) {
	s.eachTask(say, func(_, file string, _ *ecs.RegisterTaskDefinitionInput, c *types.ContainerDefinition) {
		if !aws.ToBool(c.ReadonlyRootFilesystem) {
			say(file, "the root file system is writable")
		}
		if !slices.Contains(c.DockerSecurityOptions, "no-new-privileges") {
			say(file, "lacks no-new-privileges")
		}
		if aws.ToBool(c.Privileged) {
			say(file, "is privileged")
		}
		if got := aws.ToString(c.User); got != user {
			say(file, "runs as the user %q, not %s", got, user)
		}
		if p := c.LinuxParameters; p == nil || p.Capabilities == nil || len(p.Capabilities.Add) > 0 || !slices.Equal(p.Capabilities.Drop, []string{"ALL"}) {
			say(file, "keeps capabilities")
		}
		// As many requests and connections as the listeners let in.
		want := types.Ulimit{Name: types.UlimitNameNofile, SoftLimit: 16384, HardLimit: 16384}
		if !slices.Equal(c.Ulimits, []types.Ulimit{want}) {
			say(file, "the limits are not 16384 open files")
		}
	})
}

// checkImages wants each service to run its own repository's image.
func checkImages(s *set, say report) {
	s.eachTask(say, func(name, file string, _ *ecs.RegisterTaskDefinitionInput, c *types.ContainerDefinition) {
		want := "{ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com/" + name + ":{TAG}"
		if got := aws.ToString(c.Image); got != want {
			say(file, "the image is %q, not %q", got, want)
		}
		if len(c.Command)+len(c.EntryPoint) > 0 {
			say(file, "overrides the image's command")
		}
	})
}

// checkVolumes wants each task to mount its own store, the monolith's all three, each from
// its folder on the data volume to where the program looks for it.
func checkVolumes(s *set, say report) {
	s.eachTask(say, func(name, file string, task *ecs.RegisterTaskDefinitionInput, c *types.ContainerDefinition) {
		volumes, mounted := make([]string, 0, len(task.Volumes)), make([]string, 0, len(c.MountPoints))
		for _, v := range task.Volumes {
			volume := aws.ToString(v.Name)
			if slices.Contains(volumes, volume) {
				say(file, "the volume %q is there twice", volume)
			}
			volumes = append(volumes, volume)
			if v.Host == nil || aws.ToString(v.Host.SourcePath) != path.Join(mountPoint, volume) {
				say(file, "the volume %q is not the folder %s of the host", volume, path.Join(mountPoint, volume))
			}
			if name != "api" && volume != name {
				say(file, "reaches the volume %q of another service", volume)
			}
		}
		for _, m := range c.MountPoints {
			volume := aws.ToString(m.SourceVolume)
			mounted = append(mounted, volume)
			if !slices.Contains(volumes, volume) {
				say(file, "mounts %q, and there is no such volume", volume)
			}
			if want := "/data/" + volume; aws.ToString(m.ContainerPath) != want {
				say(file, "mounts %q at %q, not at %s", volume, aws.ToString(m.ContainerPath), want)
			}
			if aws.ToBool(m.ReadOnly) {
				say(file, "mounts %q to be read only, so it could never own the store", volume)
			}
		}
		for _, v := range volumes {
			if !slices.Contains(mounted, v) {
				say(file, "has the volume %q and does not mount it", v)
			}
		}
		for _, store := range storesOf(name) {
			if !slices.Contains(mounted, store) {
				say(file, "does not mount the store of %s", store)
			}
		}
		s.checkPlacement(file, task, say)
	})
}

// checkPlacement wants a task to wait for an instance that has mounted the stores.
func (s *set) checkPlacement(file string, task *ecs.RegisterTaskDefinitionInput, say report) {
	want := "attribute:" + storesAttribute + " == yes"
	for _, p := range task.PlacementConstraints {
		if p.Type == types.TaskDefinitionPlacementConstraintTypeMemberOf && aws.ToString(p.Expression) == want {
			return
		}
	}
	say(file, "can be placed on an instance without the stores: no constraint %q", want)
}

func storesOf(name string) []string {
	if name == "api" {
		return stores
	}
	return []string{name}
}

// checkPorts wants both ports of a program, on host ports that Docker chooses, so that two
// versions fit on one instance.
func checkPorts(s *set, say report) {
	s.eachTask(say, func(_, file string, _ *ecs.RegisterTaskDefinitionInput, c *types.ContainerDefinition) {
		ports := make([]int32, 0, len(c.PortMappings))
		for _, m := range c.PortMappings {
			ports = append(ports, aws.ToInt32(m.ContainerPort))
			if m.HostPort == nil || *m.HostPort != 0 {
				say(file, "the port %d has a fixed host port, so no second version can start beside the first", aws.ToInt32(m.ContainerPort))
			}
			if m.Protocol != types.TransportProtocolTcp {
				say(file, "the port %d is %q, not tcp", aws.ToInt32(m.ContainerPort), m.Protocol)
			}
		}
		if slices.Sort(ports); !slices.Equal(ports, []int32{httpPort, grpcPort}) {
			say(file, "the container's ports are %v, the programs listen on %d and %d", ports, httpPort, grpcPort)
		}
	})
}

// checkRoles wants the roles of a service to be its own, and in the template.
func checkRoles(s *set, say report) {
	roles := s.template.roleNames()
	used := make(map[string]string)
	s.eachTask(say, func(name, file string, task *ecs.RegisterTaskDefinitionInput, _ *types.ContainerDefinition) {
		for purpose, arn := range map[string]*string{"task": task.TaskRoleArn, "execution": task.ExecutionRoleArn} {
			got := aws.ToString(arn)
			if other, ok := used[got]; ok {
				say(file, "shares the role %q with %s", got, other)
			}
			used[got] = name + "'s " + purpose
			if want := "arn:aws:iam::{ACCOUNT_ID}:role/splitboard-{REGION}-" + name + "-" + purpose; got != want {
				say(file, "the %s role is %q, not %q", purpose, got, want)
			}
			_, role, _ := strings.Cut(got, ":role/")
			if !slices.Contains(roles, strings.ReplaceAll(role, "{REGION}", anyRegion)) {
				say(file, "the template has no role %q", role)
			}
		}
	})
}

// checkLogs wants a service's log where its role may write it, in a group of the template.
func checkLogs(s *set, say report) {
	groups := s.template.logGroups()
	s.eachTask(say, func(name, file string, _ *ecs.RegisterTaskDefinitionInput, c *types.ContainerDefinition) {
		l := c.LogConfiguration
		if l == nil || l.LogDriver != types.LogDriverAwslogs {
			say(file, "does not log to CloudWatch")
			return
		}
		group := l.Options["awslogs-group"]
		if group != "/splitboard/"+name || l.Options["awslogs-stream-prefix"] != name || l.Options["awslogs-region"] != "{REGION}" {
			say(file, "does not log to the streams %[1]s/… of /splitboard/%[1]s in {REGION}", name)
		}
		if !slices.Contains(groups, group) {
			say(file, "the template has no log group %q", group)
		}
		if l.Options["mode"] != "non-blocking" || l.Options["max-buffer-size"] == "" {
			say(file, "a slow CloudWatch would hold up the program: not in mode non-blocking with a max-buffer-size")
		}
	})
	for _, group := range groups {
		if !slices.Contains(names, path.Base(group)) {
			say(templateFile, "nobody writes to the log group %q", group)
		}
	}
}
