package files

import (
	"reflect"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// The tutorial's rules: all goes to the monolith until its rule is deleted or moved down.
var (
	priorities = map[string]int32{"api": 1, "users": 2, "threads": 3, "posts": 4}
	patterns   = map[string]string{"api": "/api*", "users": "/api/users*", "threads": "/api/threads*", "posts": "/api/posts*"}
)

func checkRules(s *set, say report) {
	taken := make(map[int32]string)
	for _, name := range names {
		file, rule := ruleFile(name), s.rules[name]
		priority := aws.ToInt32(rule.Priority)
		if other, ok := taken[priority]; ok {
			say(file, "has the priority %d, and so has the rule of %s", priority, other)
		}
		taken[priority] = name
		if priority != priorities[name] {
			say(file, "the priority is %d, not %d", priority, priorities[name])
		}
		want := []types.RuleCondition{{
			Field:             aws.String("path-pattern"),
			PathPatternConfig: &types.PathPatternConditionConfig{Values: []string{patterns[name]}},
		}}
		if !reflect.DeepEqual(rule.Conditions, want) {
			say(file, "does not take the path %s alone", patterns[name])
		}
		checkForward(file, name, rule.Actions, say)
	}
	moved := s.priorities.RulePriorities
	file := home + "/listener/strangler-priorities.json"
	if len(moved) != 1 {
		say(file, "moves %d rules, not that of the monolith alone", len(moved))
		return
	}
	below := aws.ToInt32(moved[0].Priority)
	for name, priority := range priorities {
		if name != "api" && below <= priority {
			say(file, "the monolith's rule has the priority %d, which is not below %s with %d", below, name, priority)
		}
		// The scripts park a service's rule ten numbers further.
		if name != "api" && below >= priority+10 {
			say(file, "the monolith's rule has the priority %d, which is not above the parked rule of %s with %d", below, name, priority+10)
		}
	}
}

func checkForward(file, name string, actions []types.Action, say report) {
	want := []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: aws.String("{TARGET_GROUP_ARN:" + name + "}")}}
	if !reflect.DeepEqual(actions, want) {
		say(file, "does not forward to the target group %s and nothing else", name)
	}
}

// checkListener wants the listener to be made as the scripts leave it after a cutover.
func checkListener(s *set, say report) {
	checkForward(home+"/listener/forward-to-monolith.json", "api", s.listeners["forward-to-monolith"].DefaultActions, say)
	drop := s.listeners["drop-traffic"]
	made := new(elb.ModifyListenerInput)
	listeners := s.template.ofType("AWS::ElasticLoadBalancingV2::Listener")
	if len(listeners) != 1 {
		say(templateFile, "has %d listeners, not one", len(listeners))
		return
	}
	actions := map[string]any{"DefaultActions": listeners[0].property("DefaultActions")}
	d := decoder{casing: asIs}
	d.object(actions, reflect.ValueOf(made).Elem(), "Listener")
	for _, p := range d.problems {
		say(templateFile, "%s", p)
	}
	if !reflect.DeepEqual(made.DefaultActions, drop.DefaultActions) {
		say(templateFile, "the listener's default action is not that of listener/drop-traffic.json")
	}
	if listeners[0].property("Port") != 80 || listeners[0].property("Protocol") != "HTTP" {
		say(templateFile, "the listener is not for HTTP on port 80")
	}
}

// checkBalancerTimes wants a target to end its connections in good order before the load
// balancer cuts them, and never to close an idle one first.
func checkBalancerTimes(s *set, say report) {
	delay := attribute(home+"/target-group-attributes.json", s.groupAttributes.Attributes, "deregistration_delay.timeout_seconds",
		func(a types.TargetGroupAttribute) (*string, *string) { return a.Key, a.Value }, say)
	for _, name := range names {
		drain, err := s.drain(name)
		if err != nil || delay <= drain {
			say(home+"/target-group-attributes.json", "the deregistration delay of %v is not above the %v that %s drains for", delay, drain, name)
		}
	}
	idle := attribute(home+"/load-balancer-attributes.json", s.balancerAttributes.Attributes, "idle_timeout.timeout_seconds",
		func(a types.LoadBalancerAttribute) (*string, *string) { return a.Key, a.Value }, say)
	server, err := s.constant("internal/serve/http.go", "idleTimeout")
	if err != nil || idle >= server {
		say(home+"/load-balancer-attributes.json", "the idle timeout of %v is not below the server's %v, which would close connections that the load balancer is about to use", idle, server)
	}
}

func attribute[A any](file string, attributes []A, key string, of func(A) (*string, *string), say report) time.Duration {
	for _, a := range attributes {
		k, v := of(a)
		if aws.ToString(k) != key {
			continue
		}
		seconds, err := strconv.Atoi(aws.ToString(v))
		if err != nil {
			say(file, "%s: %v", key, err)
		}
		return time.Duration(seconds) * time.Second
	}
	say(file, "%s is missing", key)
	return 0
}
