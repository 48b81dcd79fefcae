package serve

import (
	"os"
	"regexp"
	"testing"
)

// The README's table of flags is what the binaries take: each flag of serve, with its
// default, and no other.
func TestREADMEListsTheFlags(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]string)
	for _, row := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\| (?:`([^`]*)`)?").FindAllStringSubmatch(string(readme), -1) {
		documented[row[1]] = row[2]
	}
	taken := make(map[string]string)
	for _, b := range []Binary{twoBinary(), postsBinary(), edgeBinary()} {
		parser, err := newParser(&b, commands(&b), new(syncBuffer), new(syncBuffer))
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range parser.Model.Children {
			if command.Name != "serve" {
				continue
			}
			for _, f := range command.Flags {
				taken[f.Name] = f.Default
			}
		}
	}
	for name, value := range taken {
		if got, ok := documented[name]; !ok || got != value {
			t.Errorf("the README has --%s with the default %q (listed: %v), the binaries have %q", name, got, ok, value)
		}
	}
	for name := range documented {
		if _, ok := taken[name]; !ok {
			t.Errorf("the README lists --%s, which no binary takes", name)
		}
	}
	if len(taken) < 10 {
		t.Errorf("found only the flags %v", taken)
	}
}
