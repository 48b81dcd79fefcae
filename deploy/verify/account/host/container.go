package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/splitboard/splitboard/deploy/verify/podman"
)

// A Container is one of a task.
type Container struct {
	Ports map[int]netip.AddrPort // where each of its ports is on the host
	// Ended gives its exit code when it has ended and all that it wrote has been written.
	Ended <-chan int

	*podman.Container
}

// Start starts the container that a task definition describes, under a name of its own.
// What it writes goes to output. dns is where it looks names up.
func (h *Host) Start(ctx context.Context, name string, d *types.ContainerDefinition, volumes []types.Volume, output io.Writer) (*Container, error) {
	folders, err := h.folders(volumes)
	if err != nil {
		return nil, err
	}
	spec, err := podman.SpecOf(d, folders)
	if err != nil {
		return nil, err
	}
	spec.Name, spec.DNS, spec.PublishAt = name, h.Gateway.String(), h.Gateway.String()
	if spec.Image, err = h.local(aws.ToString(d.Image)); err != nil {
		return nil, err
	}
	running, err := h.engine.Run(ctx, spec)
	if err != nil {
		return nil, err
	}
	c := &Container{Ports: map[int]netip.AddrPort{}, Container: running}
	ended := make(chan int, 1)
	c.Ended = ended
	file, err := running.Inspect(ctx, "{{.HostConfig.LogConfig.Path}}")
	if err != nil {
		return nil, errors.Join(err, c.Remove(ctx))
	}
	life := context.WithoutCancel(ctx) // it outlives the call
	over, read := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		follow(life, file, over, output)
	}()
	go func() {
		code, err := c.Wait(life)
		if err != nil {
			fmt.Fprintln(output, "the end of the container is not known:", err)
			code = -1
		}
		close(over)
		<-read
		ended <- code
	}()
	for _, port := range spec.Ports {
		addr, err := c.Addr(ctx, port)
		if err == nil {
			c.Ports[port], err = netip.ParseAddrPort(addr)
		}
		// A container that has ended already has no ports any more.
		if err != nil {
			return c, nil //nolint:nilerr // Ended tells
		}
	}
	return c, nil
}
