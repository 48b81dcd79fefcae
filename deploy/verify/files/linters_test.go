package files

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var withLinter = flag.Bool("cfn-lint", false, "run cfn-lint, and shellcheck on the script in the template, and fail if they are not installed")

// cfn-lint takes the template as it is, and every task definition as a resource of one.
func TestLinter(t *testing.T) {
	t.Parallel()
	needLinter(t, "cfn-lint")
	if said := lint(t, filepath.Join(root, templateFile)); said != "" {
		t.Errorf("%s:\n%s", templateFile, said)
	}
	for _, name := range names {
		if said := lint(t, wrapped(t, read(t, filepath.Join(root, taskFile(name))))); said != "" {
			t.Errorf("%s:\n%s", taskFile(name), said)
		}
	}
}

// Mistakes that the checks of this package leave to the linter.
func TestLinterFindsMistakes(t *testing.T) {
	t.Parallel()
	needLinter(t, "cfn-lint")
	for _, v := range []struct{ name, file, old, new, words string }{
		{"a property that there is not", templateFile, `HttpPutResponseHopLimit: 1`, `HopLimit: 1`, "'HopLimit'"},
		{"a value that there is not", templateFile, `HttpTokens: required`, `HttpTokens: needed`, "'needed' is not one of"},
		{"a reference to nothing", templateFile, `ClusterName:`, "Nothing:\n    Value: !Ref Nothing\n  ClusterName:", "'Nothing'"},
		{"a circle", templateFile, `SourceSecurityGroupId: !Ref LoadBalancerSecurityGroup`, `SourceSecurityGroupId: !Ref InstanceSecurityGroup`, "Circular"},
		{"a parameter that nobody uses", templateFile, `InstanceType: !Ref InstanceType`, `InstanceType: t3.medium`, "InstanceType"},
		{"a protocol that there is not", taskFile("users"), `"tcp"`, `"quic"`, "'quic' is not one of"},
		{"no image", taskFile("users"), `"image"`, `"images"`, "'Image' is a required property"},
		{"a field that there is not", taskFile("users"), `"stopTimeout"`, `"stopTime"`, "'StopTime'"},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			data := string(read(t, filepath.Join(root, v.file)))
			if !strings.Contains(data, v.old) {
				t.Fatalf("%s has no %q any more", v.file, v.old)
			}
			edited := []byte(strings.Replace(data, v.old, v.new, 1))
			file := filepath.Join(t.TempDir(), "ecs.yml")
			if v.file == templateFile {
				write(t, file, edited)
			} else {
				file = wrapped(t, edited)
			}
			if said := lint(t, file); !strings.Contains(said, v.words) {
				t.Errorf("cfn-lint does not say %q, but:\n%s", v.words, said)
			}
		})
	}
}

// The script of the instance is clean to shellcheck, and one with a mistake is not.
func TestStoresScriptIsClean(t *testing.T) {
	t.Parallel()
	needLinter(t, "shellcheck")
	script := storesScript(t)
	for text, clean := range map[string]bool{script: true, strings.Replace(script, `"$device"`, `$device`, 1): false} {
		file := filepath.Join(t.TempDir(), "stores.sh")
		write(t, file, []byte(text))
		said, err := exec.CommandContext(t.Context(), "shellcheck", file).CombinedOutput()
		if (err == nil) != clean {
			t.Errorf("clean is %t, shellcheck says: %v\n%s", clean, err, said)
		}
	}
}

func needLinter(t *testing.T, name string) {
	t.Helper()
	if !*withLinter {
		t.Skipf("SKIPPED: ecs.yml and the task definitions were NOT checked by %s; go test ./files -cfn-lint does", name)
	}
	if _, err := exec.LookPath(name); err != nil {
		t.Fatal(err)
	}
}

// lint gives what cfn-lint says, of any severity and for every region; nothing if it is
// content.
func lint(t *testing.T, file string) string {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), "cfn-lint", "--include-checks", "I", "--regions", "ALL_REGIONS", "--template", file).CombinedOutput()
	if err != nil && len(said) == 0 {
		t.Fatal(err)
	}
	return string(said)
}

// wrapped writes a template with the task definition as its only resource.
func wrapped(t *testing.T, task []byte) string {
	t.Helper()
	filled := strings.NewReplacer("{ACCOUNT_ID}", "123456789012", "{REGION}", anyRegion, "{TAG}", "0123456789ab").Replace(string(task))
	properties, err := parseJSON([]byte(filled))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]any{
		"AWSTemplateFormatVersion": "2010-09-09",
		"Resources":                map[string]any{"Task": map[string]any{"Type": "AWS::ECS::TaskDefinition", "Properties": pascal(properties)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "task.json")
	write(t, file, data)
	return file
}

// openMaps are fields whose names inside are no fields of CloudFormation's.
var openMaps = []string{"options", "dockerLabels", "driverOpts", "labels"}

// pascal writes fields as CloudFormation calls them: family is Family there.
func pascal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, e := range v {
			if !slices.Contains(openMaps, name) {
				e = pascal(e)
			}
			m[strings.ToUpper(name[:1])+name[1:]] = e
		}
		return m
	case []any:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = pascal(e)
		}
		return all
	}
	return v
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
