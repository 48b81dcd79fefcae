package images

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/splitboard/splitboard/deploy/verify/podman"
)

const mostBytes = 25_000_000

// machines are those that images are made for.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// A check says what is wrong with an image.
type check struct {
	name string
	ask  func(ctx context.Context, k *kit, image, title string) error
}

var checks = []check{
	{"size", checkSize}, {"labels", checkLabels}, {"user", checkUser}, {"program", checkProgram}, {"version", checkVersion}, {"nothing else", checkContents},
}

func TestImages(t *testing.T) {
	k := images(t)
	for _, target := range programs {
		for _, c := range checks {
			if err := c.ask(t.Context(), k, image(target), target); err != nil {
				t.Errorf("%s: %s: %v", target, c.name, err)
			}
		}
		size, err := k.Inspect(t.Context(), image(target), "{{.Size}}")
		t.Logf("%s has %s bytes, %v", target, size, err)
	}
}

// Each check fails on an image with just that fault.
func TestImageChecksCanFail(t *testing.T) {
	k := images(t)
	faults := map[string]string{
		"size":         "COPY --chown=0:0 ballast /ballast",
		"labels":       "LABEL org.opencontainers.image.version=",
		"user":         "USER 0:0",
		"program":      "COPY busybox /splitboard",
		"version":      "ENTRYPOINT [\"/splitboard\", \"help\"]",
		"nothing else": "COPY busybox /bin/sh",
	}
	folder := k.folder(t, "context")
	busybox, err := os.ReadFile(lookPath(t, "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(folder, "busybox"), busybox, 0o755),
		os.WriteFile(filepath.Join(folder, "ballast"), make([]byte, mostBytes), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		fault, ok := faults[c.name]
		if !ok {
			t.Errorf("%s has no control", c.name)
			continue
		}
		file := filepath.Join(folder, "Dockerfile")
		if err := os.WriteFile(file, []byte("FROM "+image("users")+" AS faulty\n"+fault+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := k.Build(t.Context(), podman.Build{Context: folder, Target: "faulty", Tag: image("faulty")}); err != nil {
			t.Fatal(err)
		}
		err := c.ask(t.Context(), k, image("faulty"), "users")
		if err == nil {
			t.Errorf("%s finds nothing wrong after %s", c.name, fault)
		}
		t.Logf("%s: %v", c.name, err)
	}
}

func checkSize(ctx context.Context, k *kit, image, _ string) error {
	out, err := k.Inspect(ctx, image, "{{.Size}}")
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(out)
	if err == nil && size > mostBytes {
		err = fmt.Errorf("it has %d bytes; at most %d are wanted", size, mostBytes)
	}
	return err
}

func checkLabels(ctx context.Context, k *kit, image, title string) error {
	if title == "api" {
		title = "monolith"
	}
	for label, want := range map[string]string{
		"title": "splitboard " + title, "version": version, "revision": revision,
		"source": "https://github.com/splitboard/splitboard", "licenses": "Apache-2.0",
	} {
		got, err := k.Inspect(ctx, image, `{{index .Config.Labels "org.opencontainers.image.`+label+`"}}`)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%s is %q, want %q", label, got, want)
		}
	}
	return nil
}

func checkUser(ctx context.Context, k *kit, image, _ string) error {
	user, err := k.Inspect(ctx, image, "{{.Config.User}}")
	if err == nil && user != fmt.Sprintf("%d:%[1]d", owner) {
		err = fmt.Errorf("it runs as %q", user)
	}
	return err
}

// checkVersion runs the program: the linker has told it what it is.
func checkVersion(ctx context.Context, k *kit, image, title string) error {
	if title == "api" {
		title = "monolith"
	}
	o, err := k.RunToEnd(ctx, podman.Spec{Name: "version", Image: image, Command: []string{"version"}, ReadOnly: true})
	if want := title + " " + version + "\n"; err == nil && (o.Code != 0 || o.Stdout != want) {
		err = fmt.Errorf("version says %q and exits with %d, want %q", o.Stdout, o.Code, want)
	}
	return err
}

// checkProgram looks at the program's file.
func checkProgram(ctx context.Context, k *kit, image, _ string) error {
	files, err := k.files(ctx, image)
	if err != nil {
		return err
	}
	return static(files["splitboard"], machines[runtime.GOARCH])
}

// static says why a file is not a static program for a machine.
func static(program []byte, machine elf.Machine) error {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return err
	}
	if f.Machine != machine {
		return fmt.Errorf("it is for %v, not for %v", f.Machine, machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			return errors.New("it is not static")
		}
	}
	if f.Section(".go.buildinfo") == nil {
		return errors.New("it is not made by Go")
	}
	if f.Section(".symtab") != nil || f.Section(".debug_info") != nil {
		return errors.New("it has symbols or debug information")
	}
	return nil
}

// checkContents wants the program alone: no shell, and nothing else that could be run or
// read.
func checkContents(ctx context.Context, k *kit, image, _ string) error {
	files, err := k.files(ctx, image)
	if err != nil {
		return err
	}
	delete(files, "splitboard")
	for name := range files {
		return fmt.Errorf("there is %s", name)
	}
	return nil
}

// files gives the regular files of an image that are not empty.
func (k *kit) files(ctx context.Context, image string) (map[string][]byte, error) {
	path := filepath.Join(k.Dir(), "export.tar")
	defer os.Remove(path)
	if err := k.Export(ctx, image, path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	files := make(map[string][]byte)
	for r := tar.NewReader(f); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		// What containers get at run time is there as an empty file.
		if header.Typeflag == tar.TypeDir || header.Typeflag == tar.TypeReg && header.Size == 0 {
			continue
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		files[strings.TrimPrefix(header.Name, "/")] = content
	}
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// An image is cross-compiled for the machine that this one is not.
func TestOtherMachine(t *testing.T) {
	k := images(t)
	for arch, machine := range machines {
		if arch == runtime.GOARCH {
			continue
		}
		b := k.target("posts")
		b.Platform, b.Tag = "linux/"+arch, image("posts-"+arch)
		if err := k.Build(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if got, err := k.Inspect(t.Context(), b.Tag, "{{.Os}}/{{.Architecture}}"); err != nil || got != b.Platform {
			t.Errorf("the image is for %s, %v", got, err)
		}
		files, err := k.files(t.Context(), b.Tag)
		if err != nil {
			t.Fatal(err)
		}
		if err := static(files["splitboard"], machine); err != nil {
			t.Error(err)
		}
		if err := static(files["splitboard"], machines[runtime.GOARCH]); err == nil {
			t.Error("it is taken for this machine's as well")
		}
	}
}
