package podman

import (
	"context"
	"path/filepath"
	"runtime"
	"strings"
)

// A Build is how an image is made of a Dockerfile.
type Build struct {
	Context string // the folder
	File    string // the Dockerfile; empty for that of the folder
	Target  string
	Tag     string
	// Platform is linux/amd64 and the like; empty for the machine's own.
	Platform string
	Args     map[string]string
}

// Build makes an image. The network is not there for it.
func (e *Engine) Build(ctx context.Context, b Build) error {
	args := []string{
		"build", "--layers", "--network", "none", "--target", b.Target, "--tag", b.Tag,
		// buildah 1.28 does not know it by itself.
		"--build-arg", "BUILDPLATFORM=linux/" + runtime.GOARCH,
	}
	if b.Platform != "" {
		args = append(args, "--platform", b.Platform)
	}
	for name, value := range b.Args {
		args = append(args, "--build-arg", name+"="+value)
	}
	if b.File == "" {
		b.File = filepath.Join(b.Context, "Dockerfile")
	}
	_, err := e.buildah(ctx, append(args, "--file", b.File, b.Context)...)
	return err
}

// Inspect gives what podman knows of a container or an image, in the words of a Go template.
func (e *Engine) Inspect(ctx context.Context, name, format string) (string, error) {
	out, err := e.Podman(ctx, "inspect", name, "--format", format)
	return strings.TrimSuffix(out, "\n"), err
}

// Export makes a tar file of an image's file system.
func (e *Engine) Export(ctx context.Context, image, file string) error {
	container, err := e.Podman(ctx, "create", image)
	if err != nil {
		return err
	}
	container = strings.TrimSpace(container)
	if _, err := e.Podman(ctx, "export", "--output", file, container); err != nil {
		return err
	}
	_, err = e.Podman(ctx, "rm", container)
	return err
}
