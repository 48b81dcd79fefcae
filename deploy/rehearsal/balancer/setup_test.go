package balancer

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	setup := testSetup(t)
	want := &Setup{
		Rules: map[string]Rule{
			"api":     {"api", 1, []string{"/api*"}, forward("api")},
			"users":   {"users", 2, []string{"/api/users*"}, forward("users")},
			"threads": {"threads", 3, []string{"/api/threads*"}, forward("threads")},
			"posts":   {"posts", 4, []string{"/api/posts*"}, forward("posts")},
		},
		Groups:      map[string]TargetGroup{},
		Forward:     forward("api"),
		Drop:        Action{Fixed: &FixedResponse{503, "text/plain", "drop traffic"}},
		Strangler:   map[string]int{"api": 10},
		IdleTimeout: time.Minute,
	}
	for _, name := range []string{"api", "users", "threads", "posts"} {
		want.Groups[name] = TargetGroup{name, HealthCheck{"/", 6 * time.Second, 5 * time.Second, 2, 2, "200"}, 10 * time.Second}
	}
	if !reflect.DeepEqual(setup, want) {
		t.Errorf("the files say\n%+v, not\n%+v", setup, want)
	}
}

func TestLoadIsStrict(t *testing.T) {
	for _, test := range []struct {
		file, old, with string
		want            string // in the error
	}{
		{"rules/users.json", `"Priority": 2`, `"Priority": 2, "Prio": 2`, "unknown field"},
		{"rules/users.json", `"Priority": 2`, `"priority": 2`, "another case"},
		{"rules/users.json", `"Priority": 2`, `"Priority": 2, "Priority": 2`, "twice"},
		{"rules/users.json", `"Priority": 2`, `"Priority": "2"`, "cannot unmarshal"},
		{"rules/users.json", `"Priority": 2`, `"Priority": 3`, ErrPriorityInUse.Error()},
		{"rules/users.json", `"Priority": 2,`, ``, "missing"},
		{"rules/users.json", `"ListenerArn": "{LISTENER_ARN}",`, ``, "missing"},
		{"rules/users.json", `{LISTENER_ARN}`, `arn:aws:x`, "{LISTENER_ARN}"},
		{"rules/users.json", `{TARGET_GROUP_ARN:users}`, `{TARGET_GROUP_ARN:user}`, ErrNoGroup.Error()},
		{"rules/users.json", `{TARGET_GROUP_ARN:users}`, `{TARGET_GROUP_ARN:users`, "{TARGET_GROUP_ARN:NAME}"},
		{"rules/users.json", `path-pattern`, `host-header`, "one condition"},
		{"rules/users.json", `["/api/users*"]`, `["/api/users*", "/a b"]`, "must not have"},
		{"rules/users.json", `["/api/users*"]`, `[]`, "no path pattern"},
		{"rules/users.json", `"forward"`, `"redirect"`, "not one of the actions"},
		{"rules/users.json", "\n}\n", "\n} {}", "more after"},
		{"rules/users.json", "\n}\n", "\n", "unexpected EOF"},
		{"target-groups/users.json", `"HealthCheckPath": "/",`, ``, "missing"},
		{"target-groups/users.json", `"Name": "users"`, `"Name": "user"`, "not that of the file"},
		{"target-groups/users.json", `"HealthCheckTimeoutSeconds": 5`, `"HealthCheckTimeoutSeconds": 6`, "not from 2 to 5"},
		{"target-groups/users.json", `"HealthCheckIntervalSeconds": 6`, `"HealthCheckIntervalSeconds": 4`, "not from 5 to 300"},
		{"target-groups/users.json", `"HealthyThresholdCount": 2`, `"HealthyThresholdCount": 1`, "not from 2 to 10"},
		{"target-groups/users.json", `"HttpCode": "200"`, `"HttpCode": "500"`, "no list of status codes"},
		{"target-groups/users.json", `"HealthCheckPath": "/"`, `"HealthCheckPath": "/ x"`, "no path"},
		{"target-groups/users.json", `"Protocol": "HTTP",`, `"Protocol": "HTTPS",`, "not HTTP/1"},
		{"target-group-attributes.json", `"10"`, `"3601"`, "not from 0 to 3600"},
		{"target-group-attributes.json", `deregistration_delay.timeout_seconds`, `deregistration_delay`, "unknown here"},
		{"target-group-attributes.json", `deregistration_delay.timeout_seconds`, `load_balancing.algorithm.type`, "is not"},
		{"target-group-attributes.json", `round_robin`, `least_outstanding_requests`, "is not"},
		{"load-balancer-attributes.json", `idle_timeout.timeout_seconds`, `idle_timeout`, "unknown here"},
		{"listener/drop-traffic.json", `"503"`, `"302"`, "status code"},
		{"listener/drop-traffic.json", `"503"`, `503`, "cannot unmarshal"},
		{"listener/drop-traffic.json", `drop traffic`, `drop\ntraffic`, "not one line"},
		{"listener/drop-traffic.json", `text/plain`, `text/css`, "content types"},
		{"listener/strangler-priorities.json", `{RULE_ARN:api}`, `{RULE_ARN:ape}`, "name of a rule's file"},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(ecs)); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, test.file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(data), test.old, test.with, 1)
		if changed == string(data) {
			t.Fatalf("%s has no %q", test.file, test.old)
		}
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s with %q: %v; want %q", test.file, test.with, err, test.want)
		}
	}
}
