package house

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/splitboard/splitboard/"

// anyPart stands for every part of the repository.
const anyPart = "*"

// mayImport has, for each part of the repository, the others that it may import,
// directly or through others. Tests are free: they are not listed by -deps.
var mayImport = map[string][]string{
	"gen":              {},
	"internal":         {"gen"},
	"edge":             {"gen", "internal"},
	"services/users":   {"gen", "internal", "edge"},
	"services/threads": {"gen", "internal", "edge"},
	"services/posts":   {"gen", "internal", "edge"},
	"monolith":         {anyPart},
	// What an outsider could write: the generated clients are enough.
	"examples": {"gen"},
	// It starts the programs and watches them from outside.
	"deploy": {"gen"},
}

// partOf gives the part of the repository that a package is in, or "" for a
// package from elsewhere.
func partOf(path string) string {
	inside, ok := strings.CutPrefix(path, module)
	if !ok {
		return ""
	}
	folders := strings.Split(inside, "/")
	if folders[0] == "services" && len(folders) > 1 {
		return folders[0] + "/" + folders[1]
	}
	return folders[0]
}

// wrongImports names each package of ours that depends on one it may not.
func wrongImports(packages []listed) []string {
	var wrong []string
	for _, p := range packages {
		from := partOf(p.ImportPath)
		if from == "" {
			continue
		}
		allowed, ok := mayImport[from]
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s: there is no rule for %s: say what it may import", p.ImportPath, from))
		}
		for _, dep := range p.Deps {
			to := partOf(dep)
			if to != "" && to != from && !slices.Contains(allowed, to) && !slices.Contains(allowed, anyPart) {
				wrong = append(wrong, p.ImportPath+" imports "+dep)
			}
		}
	}
	return wrong
}

// listed is what is asked of `go list`.
type listed struct {
	ImportPath string
	Doc        string
	Deps       []string // all packages that it reaches
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	return goCommand[listed](t, "list", "-deps", "-json=ImportPath,Doc,Deps", "work")
}

func TestImports(t *testing.T) {
	packages := listPackages(t)
	for _, wrong := range wrongImports(packages) {
		t.Error(wrong)
	}
	for part := range mayImport {
		if !slices.ContainsFunc(packages, func(p listed) bool { return partOf(p.ImportPath) == part }) {
			t.Errorf("no package is in %s: is its name right?", part)
		}
	}
}

func TestWrongImportsAreFound(t *testing.T) {
	for _, test := range []struct {
		from, dep string
		wrong     bool
	}{
		{"services/users", "services/threads", true},
		{"services/posts/cmd/posts", "services/users", true},
		{"services/users", "monolith", true},
		{"edge", "services/users", true},
		{"edge/cmd/edge", "services/posts/cmd/posts", true},
		{"internal/store", "services/posts", true},
		{"internal/serve", "edge", true},
		{"internal/serve", "monolith", true},
		{"gen/splitboard/users/v1", "internal/apierr", true},
		{"examples/client", "internal/apierr", true},
		{"workshop", "gen/splitboard/users/v1", true},
		{"services/users/cmd/users", "services/users", false},
		{"services/users", "internal/store", false},
		{"services/users/cmd/users", "edge", false},
		{"edge", "gen/splitboard/users/v1", false},
		{"internal/store", "internal/apierr", false},
		{"monolith", "services/users", false},
	} {
		packages := []listed{{ImportPath: module + test.from, Deps: []string{"fmt", module + test.dep}}}
		if got := wrongImports(packages); (len(got) > 0) != test.wrong {
			t.Errorf("%s imports %s: found %q, want a complaint: %t", test.from, test.dep, got, test.wrong)
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	for _, p := range listPackages(t) {
		if part := partOf(p.ImportPath); part != "" && part != "gen" && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
