package account

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/splitboard/splitboard/deploy/verify/account/alb"
	"github.com/splitboard/splitboard/deploy/verify/account/front"
)

const goldenFile = "testdata/calls.txt"

// compareCalls holds the calls that the scripts made, in their order, against the file.
func (s *scripts) compareCalls(t *testing.T) {
	t.Helper()
	got := strings.Join(s.calls, "\n") + "\n"
	if *update {
		if err := os.MkdirAll(filepath.Dir(goldenFile), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(goldenFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the scripts make other calls than %s (-update writes it):\n%s", goldenFile, difference(string(want), got))
	}
}

// difference shows where two texts begin to differ.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d:\n-%s\n+%s\nafter\n %s", i+1, a[i], b[i], strings.Join(a[max(0, i-5):i], "\n "))
		}
	}
	return fmt.Sprintf("one has %d lines, the other %d", len(a), len(b))
}

// line writes a call for people: with names in place of what is another one each time.
func (a *Account) line(c front.Call) string {
	text := func(name string) string {
		v, ok := c.Parameters[name]
		if !ok {
			return ""
		}
		return a.named(fmt.Sprint(v))
	}
	words := []string{c.Service, c.Action}
	for _, name := range []string{
		"repositoryName", "StackName", "family", "serviceName", "service", "Name", "taskDefinition", "startedBy", "reason",
		"TargetGroupArn", "RuleArn", "Priority", "ListenerArn", "desiredCount",
	} {
		switch {
		case name == "taskDefinition" && c.Action == "CreateService", name == "ListenerArn", name == "startedBy" && c.Action == "RunTask":
		default:
			words = append(words, text(name))
		}
	}
	words = append(words, a.details(c)...)
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

// details are what is said further down in a call's parameters.
func (a *Account) details(c front.Call) []string {
	text := func(name string) string {
		v, _ := c.Parameters[name].(string)
		return a.named(v)
	}
	switch c.Action {
	case "ModifyListener":
		return []string{"else", text("DefaultActions.member.1.Type"), text("DefaultActions.member.1.TargetGroupArn")}
	case "CreateRule":
		return []string{text("Conditions.member.1.PathPatternConfig.Values.member.1"), "to", text("Actions.member.1.TargetGroupArn")}
	case "SetRulePriorities":
		var moves []string
		for i := 1; ; i++ {
			of := fmt.Sprintf("RulePriorities.member.%d.", i)
			if text(of+"RuleArn") == "" {
				return moves
			}
			moves = append(moves, text(of+"RuleArn")+"="+text(of+"Priority"))
		}
	case "CreateTags":
		return []string{text("Tag.1.Key") + "=" + text("Tag.1.Value")}
	case "DeleteTaskDefinitions":
		list, _ := c.Parameters["taskDefinitions"].([]any)
		var names []string
		for _, each := range list {
			names = append(names, a.named(fmt.Sprint(each)))
		}
		return names
	case "RunTask":
		return overridden(c.Parameters)
	}
	return nil
}

// overridden gives the command of a task that is run, or its environment.
func overridden(parameters map[string]any) []string {
	overrides, _ := parameters["overrides"].(map[string]any)
	containers, _ := overrides["containerOverrides"].([]any)
	var words []string
	for _, container := range containers {
		of, _ := container.(map[string]any)
		command, _ := of["command"].([]any)
		for _, word := range command {
			words = append(words, fmt.Sprint(word))
		}
		environment, _ := of["environment"].([]any)
		for _, each := range environment {
			pair, _ := each.(map[string]any)
			words = append(words, fmt.Sprintf("%v=%v", pair["name"], pair["value"]))
		}
	}
	return words
}

// named gives the name of what has an ARN.
func (a *Account) named(text string) string {
	switch {
	case !strings.HasPrefix(text, "arn:"):
		return text
	case strings.Contains(text, ":targetgroup/"):
		name, err := alb.GroupOf(text)
		return cmp.Or(name, fmt.Sprint(err))
	case strings.Contains(text, ":listener-rule/"):
		return a.Balancer.RuleName(text)
	default:
		return text[strings.LastIndexByte(text, '/')+1:]
	}
}
