package house

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A goMod is what `go mod edit -json` prints of a go.mod.
type goMod struct {
	Module  struct{ Path string }
	Go      string
	Require []struct{ Path, Version string }
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

// disagreements names what the modules do not agree on.
func disagreements(mods []goMod) []string {
	var found []string
	versions := map[string]map[string][]string{} // dependency → version → modules
	for _, mod := range mods {
		replaced := map[string]string{}
		for _, r := range mod.Replace {
			replaced[r.Old.Path] = r.New.Path
		}
		note := func(path, version string) {
			if versions[path] == nil {
				versions[path] = map[string][]string{}
			}
			versions[path][version] = append(versions[path][version], mod.Module.Path)
		}
		note("go", mod.Go)
		for _, r := range mod.Require {
			note(r.Path, r.Version)
			if !strings.HasPrefix(r.Path, module) {
				continue
			}
			if want, err := filepath.Rel(mod.Module.Path, r.Path); err != nil || replaced[r.Path] != want {
				found = append(found, fmt.Sprintf("%s replaces %s by %q, want %q", mod.Module.Path, r.Path, replaced[r.Path], want))
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(versions)) {
		if len(versions[path]) > 1 {
			found = append(found, fmt.Sprintf("%s has several versions: %v", path, versions[path]))
		}
	}
	return found
}

func TestModulesAgree(t *testing.T) {
	type member struct{ Path, GoMod string }
	var mods []goMod
	for _, m := range goCommand[member](t, "list", "-m", "-json=Path,GoMod") {
		mods = append(mods, goCommand[goMod](t, "mod", "edit", "-json", m.GoMod)...)
	}
	for _, d := range disagreements(mods) {
		t.Error(d)
	}
}

func TestDisagreementsAreFound(t *testing.T) {
	mod := func(name, version, replace string) goMod {
		m := goMod{Go: "1.26.0"}
		m.Module.Path = module + name
		m.Require = append(m.Require, struct{ Path, Version string }{"example.com/dependency", version})
		m.Require = append(m.Require, struct{ Path, Version string }{module + "gen", "v0.0.0"})
		r := struct {
			Old, New struct{ Path, Version string }
		}{}
		r.Old.Path, r.New.Path = module+"gen", replace
		m.Replace = append(m.Replace, r)
		return m
	}
	olderGo := mod("edge", "v1.0.0", "../gen")
	olderGo.Go = "1.25.0"
	unreplaced := mod("edge", "v1.0.0", "../gen")
	unreplaced.Replace = nil
	for name, test := range map[string]struct {
		other goMod
		want  int
	}{
		"all the same":         {mod("services/users", "v1.0.0", "../../gen"), 0},
		"another version":      {mod("services/users", "v1.0.1", "../../gen"), 1},
		"another folder":       {mod("services/users", "v1.0.0", "../gen"), 1},
		"another Go":           {olderGo, 1},
		"no replace directive": {unreplaced, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := disagreements([]goMod{mod("internal", "v1.0.0", "../gen"), test.other})
			if len(got) != test.want {
				t.Errorf("found %q, want %d", got, test.want)
			}
		})
	}
}
