package balancer

import (
	"errors"
	"testing"
)

func forward(group string) Action { return Action{Group: group} }

// tutorial is the table that the tutorial arrives at before it deletes /api*.
func tutorial(t *testing.T) *table {
	t.Helper()
	setup := testSetup(t)
	all := &table{rest: setup.Forward}
	// Not in the order of priorities, which must not matter.
	for _, name := range []string{"threads", "api", "posts", "users"} {
		var err error
		if all, err = all.add(setup.Rules[name]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestLowestPriorityWins(t *testing.T) {
	all := tutorial(t)
	cut, err := all.remove("api")
	if err != nil {
		t.Fatal(err)
	}
	cut = cut.withDefault(testSetup(t).Drop)
	strangled, err := all.prioritize(testSetup(t).Strangler)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		table *table
		path  string
		want  string
	}{
		{"before", all, "/api/users/1", "api"},
		{"before", all, "/api/", "api"},
		{"before", all, "/", "api"}, // by default
		{"after", cut, "/api/users/1", "users"},
		{"after", cut, "/api/threads", "threads"},
		{"after", cut, "/api/posts/in-thread/1", "posts"},
		{"after", cut, "/api/", ""},
		{"strangled", strangled, "/api/users/1", "users"},
		{"strangled", strangled, "/api/", "api"},
	} {
		if got := test.table.route(test.path).Group; got != test.want {
			t.Errorf("%s: %s goes to %q, not to %q", test.name, test.path, got, test.want)
		}
	}
	if len(all.rules) != 4 || all.route("/api/users").Group != "api" {
		t.Error("a change of a table changed the one before")
	}
}

func TestTableRefuses(t *testing.T) {
	all := tutorial(t)
	for name, test := range map[string]struct {
		change func() (*table, error)
		want   error // nil: any
	}{
		"a priority in use": {func() (*table, error) { return all.add(Rule{"x", 3, []string{"/x"}, forward("api")}) }, ErrPriorityInUse},
		"a name in use":     {func() (*table, error) { return all.add(Rule{"api", 9, []string{"/x"}, forward("api")}) }, ErrRuleExists},
		"priority 0":        {func() (*table, error) { return all.add(Rule{"x", 0, []string{"/x"}, forward("api")}) }, nil},
		"priority 50001":    {func() (*table, error) { return all.add(Rule{"x", 50_001, []string{"/x"}, forward("api")}) }, nil},
		"no pattern":        {func() (*table, error) { return all.add(Rule{"x", 9, nil, forward("api")}) }, nil},
		"6 wildcards":       {func() (*table, error) { return all.add(Rule{"x", 9, []string{"/*?", "*?*?"}, forward("api")}) }, nil},
		"no such rule":      {func() (*table, error) { return all.remove("x") }, ErrNoRule},
		"priority of none":  {func() (*table, error) { return all.prioritize(map[string]int{"x": 9}) }, ErrNoRule},
		"priority of two":   {func() (*table, error) { return all.prioritize(map[string]int{"api": 4}) }, ErrPriorityInUse},
	} {
		if _, err := test.change(); err == nil || (test.want != nil && !errors.Is(err, test.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Two rules may change places, which one after the other could not.
	if _, err := all.prioritize(map[string]int{"api": 2, "users": 1}); err != nil {
		t.Error(err)
	}
}
