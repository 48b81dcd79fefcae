package podman

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func definition() *types.ContainerDefinition {
	return &types.ContainerDefinition{
		Name: aws.String("users"), Image: aws.String("users:1"), Command: []string{"status"}, Cpu: 256, Memory: aws.Int32(128),
		User: aws.String("65532:65532"), ReadonlyRootFilesystem: aws.Bool(true), DockerSecurityOptions: []string{"no-new-privileges"},
		LinuxParameters: &types.LinuxParameters{Capabilities: &types.KernelCapabilities{Drop: []string{"ALL"}}},
		Environment:     []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String("b")}},
		Ulimits:         []types.Ulimit{{Name: types.UlimitNameNofile, SoftLimit: 1, HardLimit: 2}},
		PortMappings:    []types.PortMapping{{ContainerPort: aws.Int32(3000), HostPort: aws.Int32(0)}},
		MountPoints:     []types.MountPoint{{SourceVolume: aws.String("users"), ContainerPath: aws.String("/data/users"), ReadOnly: aws.Bool(true)}},
		StopTimeout:     aws.Int32(40),
		HealthCheck:     &types.HealthCheck{Command: []string{"CMD", "/splitboard", "health"}},
	}
}

func TestSpecOf(t *testing.T) {
	got, err := SpecOf(definition(), map[string]string{"users": "/var/lib/users"})
	want := Spec{
		Name: "users", Image: "users:1", Command: []string{"status"}, Env: map[string]string{"A": "b"},
		User: "65532:65532", ReadOnly: true, NoNewPrivileges: true, DropAll: true, MemoryMiB: 128, CPUShares: 256,
		Ulimits: []Ulimit{{"nofile", 1, 2}}, Mounts: []Mount{{"/var/lib/users", "/data/users", true}}, Ports: []int{3000},
		StopTimeout: 40 * time.Second, Health: []string{"/splitboard", "health"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if _, err := SpecOf(definition(), nil); err == nil || !strings.Contains(err.Error(), "mounts the volume users") {
		t.Errorf("a volume without a folder: %v", err)
	}
	shell := definition()
	shell.HealthCheck.Command = []string{"CMD-SHELL", "curl localhost"}
	if _, err := SpecOf(shell, map[string]string{"users": "/"}); err == nil || !strings.Contains(err.Error(), "there is no shell") {
		t.Errorf("a health check that wants a shell: %v", err)
	}
}

func TestArgs(t *testing.T) {
	spec, err := SpecOf(definition(), map[string]string{"users": "/var/lib/users"})
	if err != nil {
		t.Fatal(err)
	}
	spec.DNS, spec.PublishAt = "10.0.0.2", "10.0.0.1"
	args := spec.args()
	for _, want := range []string{
		"--name users", "--read-only=true --read-only-tmpfs=false", "--user 65532:65532", "--security-opt no-new-privileges", "--cap-drop ALL",
		"--memory 128m --memory-swap 128m", "--cpu-shares 256", "--dns 10.0.0.2", "--stop-timeout 40", "--ulimit nofile=1:2",
		"--volume /var/lib/users:/data/users:ro", "--publish 10.0.0.1::3000", "--env A=b",
	} {
		if !strings.Contains(strings.Join(args, " "), want) {
			t.Errorf("no %s in %q", want, args)
		}
	}
	if n := len(args); !slices.Equal(args[n-2:], []string{"users:1", "status"}) {
		t.Errorf("they end with %q", args[n-2:])
	}
	for _, limit := range []string{"--user", "--memory", "--cap-drop", "--security-opt", "--publish", "--volume", "--dns"} {
		if bare := (&Spec{Name: "a", Image: "b"}).args(); slices.Contains(bare, limit) {
			t.Errorf("%s of nothing: %q", limit, bare)
		}
	}
}
