package account

import (
	"slices"
	"testing"

	"github.com/splitboard/splitboard/deploy/verify/account/front"
)

// Only a handoff is written down once where it was made twice in a row.
func TestChanged(t *testing.T) {
	task := func(words ...any) front.Call {
		return front.Call{Service: "ecs", Action: "RunTask", Parameters: map[string]any{
			"taskDefinition": "api:1", "overrides": map[string]any{"containerOverrides": []any{map[string]any{"command": words}}},
		}}
	}
	tag := front.Call{Service: "ecr", Action: "TagResource"}
	got := lines([]front.Call{
		task("handoff", "users"), task("handoff", "users"), task("handoff", "posts"), task("handoff", "users"),
		task("status"), task("status"), tag, tag,
	}, new(Account))
	want := []string{
		"ecs RunTask api:1 handoff users", "ecs RunTask api:1 handoff posts", "ecs RunTask api:1 handoff users",
		"ecs RunTask api:1 status", "ecs RunTask api:1 status", "ecr TagResource", "ecr TagResource",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
