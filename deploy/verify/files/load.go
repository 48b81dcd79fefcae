package files

import (
	"io/fs"
	"path"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

const (
	home         = "deploy/ecs"
	templateFile = home + "/ecs.yml"
)

// names are those of the services, of the monolith, and of all that is made for them.
var names = []string{"api", "users", "threads", "posts"}

// stores are whose data there is.
var stores = []string{"users", "threads", "posts"}

// A set is the files of deploy/ecs, decoded, by the name in the file's name.
type set struct {
	repository fs.FS
	inputs     []input // all of the JSON files

	tasks    map[string]*ecs.RegisterTaskDefinitionInput
	services map[string]*ecs.CreateServiceInput
	rules    map[string]*elb.CreateRuleInput
	groups   map[string]*elb.CreateTargetGroupInput

	listeners          map[string]*elb.ModifyListenerInput
	priorities         *elb.SetRulePrioritiesInput
	groupAttributes    *elb.ModifyTargetGroupAttributesInput
	balancerAttributes *elb.ModifyLoadBalancerAttributesInput

	template *template
}

// An input is a file that is the input of a command of the AWS CLI.
type input struct {
	file string
	name string // in the file's name
	data []byte
	kind kind
	// value is a pointer to the SDK's input type.
	value any
}

func load(repository fs.FS, say report) *set {
	s := &set{
		repository: repository,
		tasks:      make(map[string]*ecs.RegisterTaskDefinitionInput),
		services:   make(map[string]*ecs.CreateServiceInput),
		rules:      make(map[string]*elb.CreateRuleInput),
		groups:     make(map[string]*elb.CreateTargetGroupInput),
		listeners:  make(map[string]*elb.ModifyListenerInput),
	}
	s.priorities = new(elb.SetRulePrioritiesInput)
	s.groupAttributes = new(elb.ModifyTargetGroupAttributesInput)
	s.balancerAttributes = new(elb.ModifyLoadBalancerAttributesInput)
	for _, name := range names {
		s.tasks[name] = new(ecs.RegisterTaskDefinitionInput)
		s.services[name] = new(ecs.CreateServiceInput)
		s.rules[name] = new(elb.CreateRuleInput)
		s.groups[name] = new(elb.CreateTargetGroupInput)
		s.read(say, "task-definitions/"+name, registerTaskDefinition, s.tasks[name])
		s.read(say, "services/"+name, createService, s.services[name])
		s.read(say, "rules/"+name, createRule, s.rules[name])
		s.read(say, "target-groups/"+name, createTargetGroup, s.groups[name])
	}
	for _, name := range []string{"drop-traffic", "forward-to-monolith"} {
		s.listeners[name] = new(elb.ModifyListenerInput)
		s.read(say, "listener/"+name, modifyListener, s.listeners[name])
	}
	s.read(say, "listener/strangler-priorities", setRulePriorities, s.priorities)
	s.read(say, "target-group-attributes", modifyTargetGroupAttributes, s.groupAttributes)
	s.read(say, "load-balancer-attributes", modifyLoadBalancerAttributes, s.balancerAttributes)
	s.nothingElse(say)
	s.template = parseTemplate(repository, say)
	return s
}

func (s *set) read(say report, name string, k kind, value any) {
	file := path.Join(home, name+".json")
	data, err := fs.ReadFile(s.repository, file)
	if err != nil {
		say(file, "%v", err)
		return
	}
	s.inputs = append(s.inputs, input{file: file, name: path.Base(name), data: data, kind: k, value: value})
	for _, p := range decode(data, value, k.casing) {
		say(file, "%s", p)
	}
}

// nothingElse reports JSON files that nobody would have looked at.
func (s *set) nothingElse(say report) {
	for _, folder := range []string{".", "task-definitions", "services", "rules", "target-groups", "listener"} {
		files, err := fs.Glob(s.repository, path.Join(home, folder, "*.json"))
		if err != nil {
			say(path.Join(home, folder), "%v", err)
		}
		for _, file := range files {
			if !slices.ContainsFunc(s.inputs, func(in input) bool { return in.file == file }) {
				say(file, "is for no command that is known here")
			}
		}
	}
}

func taskFile(name string) string    { return home + "/task-definitions/" + name + ".json" }
func serviceFile(name string) string { return home + "/services/" + name + ".json" }
func ruleFile(name string) string    { return home + "/rules/" + name + ".json" }
func groupFile(name string) string   { return home + "/target-groups/" + name + ".json" }
