package podman

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// GoImage makes an image that does for a build what Go's own does, from what is installed:
// the Go toolchain, a shell and its tools from a static busybox, certificates, and the
// modules that the programs are built from, so that a build asks no network. It returns
// its name. root is the repository's folder.
func (e *Engine) GoImage(ctx context.Context, root string) (string, error) {
	const name = "localhost/golang:installed"
	out, err := run(ctx, nil, "go", "env", "GOROOT", "GOMODCACHE", "GOPROXY")
	if err != nil {
		return "", err
	}
	goenv := strings.Split(out, "\n")
	goroot, cache, proxy := goenv[0], goenv[1], goenv[2]
	modules, err := e.modules(ctx, root, "file://"+filepath.Join(cache, "cache", "download")+","+proxy)
	if err != nil {
		return "", err
	}
	container, err := e.buildah(ctx, "from", "scratch")
	if err != nil {
		return "", err
	}
	container = strings.TrimSpace(container)
	at, err := e.buildah(ctx, "mount", container)
	if err != nil {
		return "", err
	}
	at = strings.TrimSpace(at)
	if err := fill(ctx, at, goroot, modules); err != nil {
		return "", err
	}
	if _, err := e.buildah(ctx, "config", "--env", "PATH=/usr/local/go/bin:/bin", "--env", "GOPATH=/go", "--env", "GOPROXY=file:///proxy", container); err != nil {
		return "", err
	}
	// Unmounted and removed with it.
	_, err = e.buildah(ctx, "commit", "--rm", container, name)
	return name, err
}

// modules puts what the programs are built from into a folder that can be a GOPROXY, and
// gives it.
func (e *Engine) modules(ctx context.Context, root, proxy string) (string, error) {
	cache := filepath.Join(e.dir, "scratch", "modules")
	env := append(os.Environ(), "GOWORK=off", "GOMODCACHE="+cache, "GOPROXY="+proxy)
	_, err := run(ctx, env, "go", "-C", filepath.Join(root, "monolith"), "mod", "download")
	return filepath.Join(cache, "cache", "download"), err
}

// fill makes the image's file system.
func fill(ctx context.Context, at, goroot, modules string) error {
	for _, folder := range []string{"bin", "tmp", "usr/local", "etc/ssl/certs"} {
		if err := os.MkdirAll(filepath.Join(at, folder), 0o755); err != nil { //nolint:gosec // as it is in every image
			return err
		}
	}
	var errs []error
	for _, step := range [][]string{
		{"cp", "-a", goroot, filepath.Join(at, "usr/local/go")},
		{"cp", "-a", modules, filepath.Join(at, "proxy")},
		{"cp", "-L", "/etc/ssl/certs/ca-certificates.crt", filepath.Join(at, "etc/ssl/certs")},
		{"sh", "-c", `cp -L "$(command -v busybox)" "$0/bin/busybox" && chroot "$0" /bin/busybox --install -s /bin`, at},
	} {
		_, err := run(ctx, nil, step[0], step[1:]...)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
