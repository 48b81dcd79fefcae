package files

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// checkPlaceholders wants exactly the placeholders that the scripts fill in: each of them,
// and no other, about the service that the file is for.
func checkPlaceholders(s *set, say report) {
	for _, in := range s.inputs {
		value, err := parseJSON(in.data)
		if err != nil {
			say(in.file, "%v", err)
			continue
		}
		found := make(map[string]bool)
		eachString(value, func(text string) {
			for _, p := range placeholder.FindAllString(text, -1) {
				found[p] = true
			}
			if rest := placeholder.ReplaceAllString(text, ""); strings.ContainsAny(rest, "{}") {
				say(in.file, "%q has a brace that belongs to no placeholder", text)
			}
		})
		permitted := placeholdersOf(in)
		for p := range found {
			if !slices.Contains(permitted, p) {
				say(in.file, "%s is not filled in here; only %s", p, strings.Join(permitted, " "))
			}
		}
		for _, p := range permitted {
			if !found[p] {
				say(in.file, "%s is missing", p)
			}
		}
	}
}

func placeholdersOf(in input) []string {
	of := func(what string) string { return "{" + what + ":" + in.name + "}" }
	switch path.Base(path.Dir(in.file)) {
	case "task-definitions":
		return []string{"{ACCOUNT_ID}", "{REGION}", "{TAG}"}
	case "services":
		return []string{"{CLUSTER}", of("TASK_DEFINITION_ARN"), of("TARGET_GROUP_ARN"), of("REGISTRY_ARN")}
	case "rules":
		return []string{"{LISTENER_ARN}", of("TARGET_GROUP_ARN")}
	case "target-groups":
		return []string{"{VPC_ID}"}
	}
	switch in.name {
	case "drop-traffic":
		return []string{"{LISTENER_ARN}"}
	case "forward-to-monolith":
		return []string{"{LISTENER_ARN}", "{TARGET_GROUP_ARN:api}"}
	case "strangler-priorities":
		return []string{"{RULE_ARN:api}"}
	case "target-group-attributes":
		return []string{"{TARGET_GROUP_ARN}"}
	}
	return []string{"{LOAD_BALANCER_ARN}"}
}
