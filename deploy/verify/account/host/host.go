// Package host plays an instance of ECS with its Docker: it has the folders of the data
// volume, and runs the containers of tasks.
package host

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/verify/podman"
)

// mountPoint is where the data volume is mounted on an instance.
const mountPoint = "/var/lib/splitboard"

// A Host is a machine that runs containers.
type Host struct {
	// Gateway is its address, in the eyes of its containers and of this machine.
	Gateway netip.Addr

	engine   *podman.Engine
	volume   string // the folder that is the data volume
	registry string // HOST:PORT that stands for ECR's
}

// New makes a host. Images come from the registry, which is on this machine, HOST:PORT.
func New(ctx context.Context, registry string) (*Host, error) {
	engine, err := podman.New(ctx)
	if err != nil {
		return nil, err
	}
	h := &Host{engine: engine, registry: registry}
	err = engine.Insecure(registry)
	if err == nil {
		h.Gateway, err = netip.ParseAddr(engine.Gateway)
	}
	if err == nil {
		// In memory: the disk of a busy machine may be as slow as none of EBS is.
		h.volume, err = cast.Folder(false)
	}
	if err != nil {
		return nil, errors.Join(err, h.Close()) //nolint:contextcheck // it is closed even if ctx has ended
	}
	return h, nil
}

// Close ends the containers, and removes all that is the host's.
func (h *Host) Close() error { return errors.Join(h.engine.Close(), os.RemoveAll(h.volume)) }

// Boot makes the folders on the data volume, as the user data does; what is in them stays.
func (h *Host) Boot() error {
	for _, store := range []string{"users", "threads", "posts"} {
		folder := filepath.Join(h.volume, store)
		if err := errors.Join(os.MkdirAll(folder, 0o700), os.Chown(folder, 65532, 65532)); err != nil {
			return err
		}
	}
	return nil
}

// local gives the name that an image in ECR has in the registry here.
func (h *Host) local(image string) (string, error) {
	registry, path, ok := strings.Cut(image, "/")
	if !ok || !strings.Contains(registry, ".dkr.ecr.") {
		return "", fmt.Errorf("%s is not an image in ECR", image)
	}
	return h.registry + "/" + path, nil
}

// Pull gets an image, which has ECR's name, from the registry that stands for it.
func (h *Host) Pull(ctx context.Context, image string) error {
	local, err := h.local(image)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "podman", "pull", "--quiet", "--creds", "AWS:instance", local) //nolint:gosec // a task definition's
	cmd.Env = h.engine.Env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pulling %s: %w: %s", image, err, out)
	}
	return nil
}

// folders gives the folders of this machine for a task's volumes.
func (h *Host) folders(volumes []types.Volume) (map[string]string, error) {
	folders := map[string]string{}
	for _, v := range volumes {
		if v.Host == nil {
			return nil, fmt.Errorf("the volume %s is no folder of the host", aws.ToString(v.Name))
		}
		path := aws.ToString(v.Host.SourcePath)
		store, ok := strings.CutPrefix(path, mountPoint+"/")
		folder := filepath.Join(h.volume, store)
		if _, err := os.Stat(folder); !ok || err != nil {
			return nil, fmt.Errorf("there is no folder %s on the host", path)
		}
		folders[aws.ToString(v.Name)] = folder
	}
	return folders, nil
}
