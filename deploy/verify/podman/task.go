package podman

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// SpecOf gives the container that a task definition of ECS describes, as its agent would
// have docker run it. folders are the folders of this machine for its volumes, by the
// volumes' names.
func SpecOf(d *types.ContainerDefinition, folders map[string]string) (Spec, error) {
	s := Spec{
		Name: aws.ToString(d.Name), Image: aws.ToString(d.Image), Command: d.Command, Env: make(map[string]string),
		User: aws.ToString(d.User), ReadOnly: aws.ToBool(d.ReadonlyRootFilesystem),
		NoNewPrivileges: slices.Contains(d.DockerSecurityOptions, "no-new-privileges"),
		MemoryMiB:       int(aws.ToInt32(d.Memory)), CPUShares: int(d.Cpu),
		StopTimeout: time.Duration(aws.ToInt32(d.StopTimeout)) * time.Second,
	}
	if l := d.LinuxParameters; l != nil && l.Capabilities != nil {
		s.DropAll = slices.Contains(l.Capabilities.Drop, "ALL")
	}
	for _, e := range d.Environment {
		s.Env[aws.ToString(e.Name)] = aws.ToString(e.Value)
	}
	for _, u := range d.Ulimits {
		s.Ulimits = append(s.Ulimits, Ulimit{string(u.Name), int(u.SoftLimit), int(u.HardLimit)})
	}
	for _, p := range d.PortMappings {
		s.Ports = append(s.Ports, int(aws.ToInt32(p.ContainerPort)))
	}
	for _, m := range d.MountPoints {
		from, ok := folders[aws.ToString(m.SourceVolume)]
		if !ok {
			return s, fmt.Errorf("%s mounts the volume %s; there are %v", s.Name, aws.ToString(m.SourceVolume), slices.Sorted(maps.Keys(folders)))
		}
		s.Mounts = append(s.Mounts, Mount{From: from, To: aws.ToString(m.ContainerPath), ReadOnly: aws.ToBool(m.ReadOnly)})
	}
	if h := d.HealthCheck; h != nil {
		if len(h.Command) < 2 || h.Command[0] != "CMD" {
			return s, fmt.Errorf("%s: the health check %q is no CMD, and there is no shell", s.Name, h.Command)
		}
		s.Health = h.Command[1:]
	}
	return s, nil
}
