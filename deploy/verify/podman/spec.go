package podman

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// A Spec is how a container runs, in docker's terms. Its zero value has no limits but
// those of the engine.
type Spec struct {
	Name  string // unique among the engine's containers
	Image string
	// Command is given to the image's program.
	Command []string
	Env     map[string]string

	User            string
	ReadOnly        bool // the root file system
	NoNewPrivileges bool
	DropAll         bool // capabilities

	MemoryMiB int
	CPUShares int
	Ulimits   []Ulimit
	// Mounts are what is mounted of this machine.
	Mounts []Mount
	// Ports are the container's that are published, each at a free port of PublishAt.
	Ports []int
	// PublishAt is an address of this machine; empty for 127.0.0.1.
	PublishAt string
	// DNS is the server that names are looked up at; empty for the machine's own.
	DNS string

	// StopTimeout is how long after SIGTERM the container is killed.
	StopTimeout time.Duration
	// Health is the command that tells whether it is healthy.
	Health []string
}

// An Ulimit is a limit of the container's processes.
type Ulimit struct {
	Name       string
	Soft, Hard int
}

func (u Ulimit) String() string { return fmt.Sprintf("%s=%d:%d", u.Name, u.Soft, u.Hard) }

// defaultUlimits are what a machine can be expected to allow; podman's own are higher.
var defaultUlimits = []Ulimit{{"nofile", 16384, 16384}, {"nproc", 1024, 1024}}

// A Mount is a folder of this machine in a container.
type Mount struct {
	From, To string
	ReadOnly bool
}

// lifetime is how long a container runs at most: none outlives a test that was killed for
// long.
const lifetime = 30 * time.Minute

// args are podman's.
func (s *Spec) args() []string {
	args := []string{
		"--name", s.Name, "--network", network, "--timeout", strconv.Itoa(int(lifetime.Seconds())),
		// Docker has no tmpfs on a root that is read-only.
		"--read-only=" + strconv.FormatBool(s.ReadOnly), "--read-only-tmpfs=false",
		"--http-proxy=false",
	}
	flag := func(set bool, more ...string) {
		if set {
			args = append(args, more...)
		}
	}
	flag(s.User != "", "--user", s.User)
	flag(s.NoNewPrivileges, "--security-opt", "no-new-privileges")
	flag(s.DropAll, "--cap-drop", "ALL")
	flag(s.MemoryMiB > 0, "--memory", fmt.Sprintf("%dm", s.MemoryMiB), "--memory-swap", fmt.Sprintf("%dm", s.MemoryMiB))
	flag(s.CPUShares > 0, "--cpu-shares", strconv.Itoa(s.CPUShares))
	flag(s.DNS != "", "--dns", s.DNS)
	flag(s.StopTimeout > 0, "--stop-timeout", strconv.Itoa(int(s.StopTimeout.Seconds())))
	// Given by themselves, limits replace the engine's as a whole.
	for _, u := range slices.Concat(defaultUlimits, s.Ulimits) {
		args = append(args, "--ulimit", u.String())
	}
	for _, m := range s.Mounts {
		mode := "rw"
		if m.ReadOnly {
			mode = "ro"
		}
		args = append(args, "--volume", m.From+":"+m.To+":"+mode)
	}
	for _, p := range s.Ports {
		args = append(args, "--publish", fmt.Sprintf("%s::%d", cmp.Or(s.PublishAt, "127.0.0.1"), p))
	}
	for name, value := range s.Env {
		args = append(args, "--env", name+"="+value)
	}
	return append(append(args, s.Image), s.Command...)
}
