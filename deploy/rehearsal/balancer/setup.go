package balancer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Setup is what the files in deploy/ecs say.
type Setup struct {
	Rules  map[string]Rule        // by the name of the file
	Groups map[string]TargetGroup // by name

	Forward   Action         // the default action before the cutover
	Drop      Action         // and after it
	Strangler map[string]int // the priorities of rules that let the services' rules come first

	IdleTimeout time.Duration // after which a connection on which nothing moves is closed
}

// A TargetGroup is a group of targets, each of which can answer the same requests.
type TargetGroup struct {
	Name                string
	Health              HealthCheck
	DeregistrationDelay time.Duration
}

// A HealthCheck says how targets are asked whether they are well.
type HealthCheck struct {
	Path               string
	Interval, Timeout  time.Duration
	Healthy, Unhealthy int    // how many answers in a row change an opinion
	Codes              string // which status codes are good: "200", "200,202", "200-299"
}

// The names of the files that are not one of many.
const (
	groupAttributesFile = "target-group-attributes.json"
	attributesFile      = "load-balancer-attributes.json"
	forwardFile         = "listener/forward-to-monolith.json"
	dropFile            = "listener/drop-traffic.json"
	stranglerFile       = "listener/strangler-priorities.json"
)

// Load reads the files in deploy/ecs, strictly.
func Load(dir string) (*Setup, error) {
	s := &Setup{Rules: map[string]Rule{}, Groups: map[string]TargetGroup{}, Strangler: map[string]int{}}
	for _, read := range []func(string) error{s.readGroups, s.readRules, s.readListener, s.readAttributes} {
		if err := read(dir); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Setup) readGroups(dir string) error {
	var attributes groupAttributesInput
	if err := readInput(filepath.Join(dir, groupAttributesFile), &attributes); err != nil {
		return err
	}
	known := map[string]func(string) error{
		"load_balancing.algorithm.type": only("round_robin"),
	}
	var delay time.Duration
	known["deregistration_delay.timeout_seconds"] = seconds(&delay, 0, 3600)
	if err := errors.Join(
		placeholder(attributes.TargetGroupArn, "TARGET_GROUP_ARN"), setAttributes(attributes.Attributes, known),
	); err != nil {
		return fmt.Errorf("%s: %w", groupAttributesFile, err)
	}
	return each(dir, "target-groups", func(name string, in *createTargetGroupInput) error {
		group, err := in.group(name)
		group.DeregistrationDelay = delay
		s.Groups[name] = group
		return err
	})
}

func (s *Setup) readRules(dir string) error {
	all := &table{}
	return each(dir, "rules", func(name string, in *createRuleInput) error {
		if err := placeholder(in.ListenerArn, "LISTENER_ARN"); err != nil {
			return err
		}
		if len(in.Conditions) != 1 || in.Conditions[0].Field != "path-pattern" || in.Conditions[0].PathPatternConfig == nil {
			return errors.New("there must be one condition, a PathPatternConfig")
		}
		action, err := s.action(in.Actions)
		if err != nil {
			return err
		}
		rule := Rule{name, in.Priority, in.Conditions[0].PathPatternConfig.Values, action}
		s.Rules[name] = rule
		all, err = all.add(rule) // refuses what could not all be added
		return err
	})
}

func (s *Setup) readListener(dir string) error {
	for _, listener := range []struct {
		file string
		to   *Action
	}{{forwardFile, &s.Forward}, {dropFile, &s.Drop}} {
		var in modifyListenerInput
		if err := readInput(filepath.Join(dir, listener.file), &in); err != nil {
			return err
		}
		action, err := s.action(in.DefaultActions)
		if err := errors.Join(err, placeholder(in.ListenerArn, "LISTENER_ARN")); err != nil {
			return fmt.Errorf("%s: %w", listener.file, err)
		}
		*listener.to = action
	}
	var in setRulePrioritiesInput
	if err := readInput(filepath.Join(dir, stranglerFile), &in); err != nil {
		return err
	}
	for _, p := range in.RulePriorities {
		name, ok := named(p.RuleArn, "RULE_ARN")
		if _, there := s.Rules[name]; !ok || !there {
			return fmt.Errorf("%s: %q is not {RULE_ARN:NAME} with the name of a rule's file", stranglerFile, p.RuleArn)
		}
		s.Strangler[name] = p.Priority
	}
	return nil
}

func (s *Setup) readAttributes(dir string) error {
	var in loadBalancerAttributesInput
	if err := readInput(filepath.Join(dir, attributesFile), &in); err != nil {
		return err
	}
	if err := errors.Join(
		placeholder(in.LoadBalancerArn, "LOAD_BALANCER_ARN"),
		setAttributes(in.Attributes, map[string]func(string) error{
			"idle_timeout.timeout_seconds": seconds(&s.IdleTimeout, 1, 4000),
		}),
	); err != nil {
		return fmt.Errorf("%s: %w", attributesFile, err)
	}
	return nil
}

// each reads all files of a folder, of which there must be one.
func each[T any](dir, folder string, use func(name string, in *T) error) error {
	files, err := filepath.Glob(filepath.Join(dir, folder, "*"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("there is no file in %s", filepath.Join(dir, folder))
	}
	for _, file := range files {
		name, ok := strings.CutSuffix(filepath.Base(file), ".json")
		if !ok {
			return fmt.Errorf("%s is no JSON file", file)
		}
		in := new(T)
		if err := readInput(file, in); err != nil {
			return err
		}
		if err := use(name, in); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func readInput(file string, in any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := decodeStrict(data, in); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// action reads the one action of a rule or a listener.
func (s *Setup) action(in []actionInput) (Action, error) {
	if len(in) != 1 {
		return Action{}, errors.New("there must be one action")
	}
	switch a := in[0]; {
	case a.Type == "forward" && a.FixedResponseConfig == nil:
		name, ok := named(a.TargetGroupArn, "TARGET_GROUP_ARN")
		action := Action{Group: name}
		if !ok {
			return action, fmt.Errorf("%q is not {TARGET_GROUP_ARN:NAME}", a.TargetGroupArn)
		}
		return action, action.check(s.Groups)
	case a.Type == "fixed-response" && a.FixedResponseConfig != nil && a.TargetGroupArn == "":
		code, err := strconv.Atoi(a.FixedResponseConfig.StatusCode)
		if err != nil || code < 200 || code >= 600 || code/100 == 3 {
			return Action{}, fmt.Errorf("a fixed response has a status code 2XX, 4XX or 5XX, not %q", a.FixedResponseConfig.StatusCode)
		}
		contentType := a.FixedResponseConfig.ContentType
		if !slices.Contains([]string{"text/plain", "text/html", "application/json"}, contentType) {
			return Action{}, fmt.Errorf("%q is not one of the content types that are used here", contentType)
		}
		if body := a.FixedResponseConfig.MessageBody; len(body) > 1024 || !oneLine.MatchString(body) {
			return Action{}, fmt.Errorf("the message body %q is not one line of at most 1024 characters", body)
		}
		return Action{Fixed: &FixedResponse{code, contentType, a.FixedResponseConfig.MessageBody}}, nil
	default:
		return Action{}, fmt.Errorf("%q with these fields is not one of the actions that are used here", a.Type)
	}
}

var (
	groupName   = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,30}[a-zA-Z0-9])?$`)
	matcherList = regexp.MustCompile(`^[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*$`)
	healthPath  = regexp.MustCompile(`^/[!-~]*$`)
	oneLine     = regexp.MustCompile(`^[ -~]*$`)
)

// group reads a target group, and refuses what the ALB would or what is not used here.
func (in *createTargetGroupInput) group(name string) (TargetGroup, error) {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	within := func(field string, v, least, most int) {
		want(v >= least && v <= most, "%s is %d, not from %d to %d", field, v, least, most)
	}
	want(in.Name == name, "Name is %q, not that of the file", in.Name)
	want(groupName.MatchString(in.Name), "Name %q is not 1 to 32 letters, digits and inner hyphens", in.Name)
	want(in.Protocol == "HTTP" && in.ProtocolVersion == "HTTP1", "the protocol is not HTTP/1")
	want(in.HealthCheckProtocol == "HTTP" && in.HealthCheckPort == "traffic-port", "health checks do not go to the HTTP traffic-port")
	want(in.TargetType == "instance" || in.TargetType == "ip", "TargetType is %q", in.TargetType)
	want(placeholder(in.VpcID, "VPC_ID") == nil, "VpcId is not {VPC_ID}")
	within("Port", in.Port, 1, 65535)
	within("HealthCheckIntervalSeconds", in.HealthCheckIntervalSeconds, 5, 300)
	within("HealthCheckTimeoutSeconds", in.HealthCheckTimeoutSeconds, 2, in.HealthCheckIntervalSeconds-1)
	within("HealthyThresholdCount", in.HealthyThresholdCount, 2, 10)
	within("UnhealthyThresholdCount", in.UnhealthyThresholdCount, 2, 10)
	want(healthPath.MatchString(in.HealthCheckPath) && len(in.HealthCheckPath) <= 1024, "HealthCheckPath %q is no path", in.HealthCheckPath)
	want(matcherList.MatchString(in.Matcher.HTTPCode), "Matcher.HttpCode %q is no list of status codes", in.Matcher.HTTPCode)
	return TargetGroup{Name: name, Health: HealthCheck{
		Path:      in.HealthCheckPath,
		Interval:  time.Duration(in.HealthCheckIntervalSeconds) * time.Second,
		Timeout:   time.Duration(in.HealthCheckTimeoutSeconds) * time.Second,
		Healthy:   in.HealthyThresholdCount,
		Unhealthy: in.UnhealthyThresholdCount,
		Codes:     in.Matcher.HTTPCode,
	}}, errors.Join(errs...)
}

// setAttributes sets all known attributes, each of which must be there once.
func setAttributes(attributes []attributeInput, known map[string]func(string) error) error {
	for _, a := range attributes {
		set, ok := known[a.Key]
		if !ok {
			return fmt.Errorf("attribute %q is unknown here, or there twice", a.Key)
		}
		if err := set(a.Value); err != nil {
			return fmt.Errorf("attribute %q: %w", a.Key, err)
		}
		delete(known, a.Key)
	}
	for key := range known {
		return fmt.Errorf("attribute %q is missing", key)
	}
	return nil
}

func seconds(to *time.Duration, least, most int) func(string) error {
	return func(value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < least || n > most {
			return fmt.Errorf("%q is not from %d to %d", value, least, most)
		}
		*to = time.Duration(n) * time.Second
		return nil
	}
}

func only(want string) func(string) error {
	return func(value string) error {
		if value != want {
			return fmt.Errorf("%q is not %q", value, want)
		}
		return nil
	}
}

// placeholder refuses all but {NAME}.
func placeholder(value, name string) error {
	if value != "{"+name+"}" {
		return fmt.Errorf("%q is not {%s}", value, name)
	}
	return nil
}

// named gives what is named by {KIND:NAME}.
func named(value, kind string) (name string, ok bool) {
	name, ok = strings.CutPrefix(value, "{"+kind+":")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(name, "}")
}
