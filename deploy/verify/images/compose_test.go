package images

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
)

// composeFile reads compose.yaml as docker compose does, with all of its services, and
// refuses what the specification does not have.
func composeFile(ctx context.Context, root string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "compose.yaml")},
		cli.WithWorkingDirectory(root), cli.WithName("board"), cli.WithProfiles([]string{"*"}))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(ctx)
}

func repository(t *testing.T) string {
	t.Helper()
	root, err := cast.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// targets are the Dockerfile's stages.
func targets(t *testing.T, root string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^FROM .* AS (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	return names
}

// documented are the environment variables of the flags in the README, which a test of
// internal/serve holds against the programs.
func documented(t *testing.T, root string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		names = append(names, "SPLITBOARD_"+strings.ToUpper(strings.ReplaceAll(m[1], "-", "_")))
	}
	if len(names) < 10 {
		t.Fatalf("the README has only the flags %v", names)
	}
	return names
}

func TestCompose(t *testing.T) {
	root := repository(t)
	project, err := composeFile(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(slices.Values(project.ServiceNames())), slices.Sorted(slices.Values(programs)); !slices.Equal(got, want) {
		t.Fatalf("the services are %v, want %v", got, want)
	}
	stages, flags := targets(t, root), documented(t, root)
	for name, s := range project.Services {
		if s.Build == nil || s.Build.Context != root || s.Build.Target != name || !slices.Contains(stages, name) || s.Image != "" {
			t.Errorf("%s is built as %+v; the Dockerfile has %v", name, s.Build, stages)
		}
		if !s.ReadOnly || s.User != "65532:65532" || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) ||
			s.MemLimit != 256<<20 || s.StopGracePeriod == nil || s.Privileged {
			t.Errorf("%s is not confined: %+v", name, s)
		}
		if h := s.HealthCheck; h == nil || !slices.Equal(h.Test, []string{"CMD", "/splitboard", "health"}) || *h.Timeout >= *h.Interval {
			t.Errorf("%s has the health check %+v", name, h)
		}
		for variable, value := range s.Environment {
			if !slices.Contains(flags, variable) || value == nil || *value == "" {
				t.Errorf("%s has %s, which is no flag's, or is empty", name, variable)
			}
		}
		composedVolumes(t, &s)
		composedTargets(t, project, &s)
	}
	if len(project.Volumes) != 1 {
		t.Errorf("the volumes are %v", project.Volumes)
	}
	edge := project.Services["edge"]
	if p := edge.Ports; len(p) != 1 || p[0].Target != 3000 || p[0].Published != "3000" || p[0].HostIP != "127.0.0.1" {
		t.Errorf("edge publishes %+v", p)
	}
	if len(edge.DependsOn) != 3 {
		t.Errorf("edge waits for %v", edge.DependsOn)
	}
	for of, d := range edge.DependsOn {
		if d.Condition != types.ServiceConditionHealthy {
			t.Errorf("edge waits until %s is %s", of, d.Condition)
		}
	}
	if p := project.Services["api"].Profiles; !slices.Equal(p, []string{"monolith"}) {
		t.Errorf("the monolith has the profiles %v", p)
	}
}

// composedVolumes wants the stores' volume where the image has its data folder.
func composedVolumes(t *testing.T, s *types.ServiceConfig) {
	t.Helper()
	if s.Name == "edge" {
		if len(s.Volumes) != 0 {
			t.Errorf("edge mounts %v", s.Volumes)
		}
		return
	}
	if len(s.Volumes) != 1 || s.Volumes[0].Type != types.VolumeTypeVolume || s.Volumes[0].Source != "board" || s.Volumes[0].Target != "/data" || s.Volumes[0].ReadOnly {
		t.Errorf("%s mounts %+v", s.Name, s.Volumes)
	}
}

// composedTargets wants each peer's address to be of its service first and then of the
// monolith.
func composedTargets(t *testing.T, project *types.Project, s *types.ServiceConfig) {
	t.Helper()
	need := map[string][]string{"threads": {"users"}, "posts": {"users", "threads"}, "edge": {"users", "threads", "posts"}}[s.Name]
	for _, peer := range need {
		value := s.Environment["SPLITBOARD_"+strings.ToUpper(peer)+"_ADDR"]
		if value == nil || *value != peer+":50051,api:50051" {
			t.Errorf("%s does not find %s", s.Name, peer)
		}
		if _, ok := project.Services[peer]; !ok {
			t.Errorf("%s asks %s, which there is not", s.Name, peer)
		}
	}
	given := 0
	for variable := range s.Environment {
		if strings.HasSuffix(variable, "_ADDR") {
			given++
		}
	}
	if given != len(need) {
		t.Errorf("%s has %d addresses, and needs %v", s.Name, given, need)
	}
}

// What compose would refuse, or quietly leave out, is refused.
func TestComposeIsReadStrictly(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository(t), "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		"read_only: true":             "readonly: true",
		"volumes: [board:/data]":      "volumes: [bord:/data]",
		"service_healthy":             "service_is_healthy",
		"stop_grace_period: 40s":      "stop_grace_period: soon",
		"users: {condition":           "user: {condition",
		"\nvolumes:\n  board:":        "\nvolumes: board",
		"    test: [CMD, /splitboard": "    tests: [CMD, /splitboard",
	} {
		broken := strings.ReplaceAll(string(text), from, to)
		if broken == string(text) {
			t.Errorf("there is no %q", from)
			continue
		}
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "compose.yaml"), []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := composeFile(t.Context(), folder); err == nil {
			t.Errorf("%q is taken", to)
		}
	}
}
