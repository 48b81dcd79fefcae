package files

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A template is ecs.yml, its functions written long: !Ref X is {"Ref": "X"}.
type template struct {
	parameters, mappings, conditions, resources, outputs map[string]any
}

// A resource is one of a template's, with its properties as they are in a stack.
type resource struct {
	name string
	all  map[string]any
	body map[string]any
}

func parseTemplate(repository fs.FS, say report) *template {
	data, err := fs.ReadFile(repository, templateFile)
	if err != nil {
		say(templateFile, "%v", err)
		return nil
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		say(templateFile, "%v", err)
		return nil
	}
	root, ok := plain(&document).(map[string]any)
	if !ok {
		say(templateFile, "is not a template")
		return nil
	}
	section := func(name string) map[string]any {
		m, ok := root[name].(map[string]any)
		if !ok {
			say(templateFile, "has no %s", name)
		}
		return m
	}
	return &template{section("Parameters"), section("Mappings"), section("Conditions"), section("Resources"), section("Outputs")}
}

// plain gives a YAML node as maps, lists, strings, ints and bools.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.DocumentNode:
		return plain(n.Content[0])
	case yaml.MappingNode:
		m := make(map[string]any)
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return long(n.Tag, m)
	case yaml.SequenceNode:
		list := []any{}
		for _, e := range n.Content {
			list = append(list, plain(e))
		}
		return long(n.Tag, list)
	default:
		return long(n.Tag, scalar(n))
	}
}

func scalar(n *yaml.Node) any {
	var v any
	if strings.HasPrefix(n.Tag, "!!") && n.Decode(&v) == nil {
		return v
	}
	return n.Value
}

// long writes a tag as the function that it stands for.
func long(tag string, v any) any {
	switch {
	case strings.HasPrefix(tag, "!!"):
		return v
	case tag == "!Ref" || tag == "!Condition":
		return map[string]any{tag[1:]: v}
	case tag == "!GetAtt":
		name, attribute, _ := strings.Cut(fmt.Sprint(v), ".")
		return map[string]any{"Fn::GetAtt": []any{name, attribute}}
	}
	return map[string]any{"Fn::" + tag[1:]: v}
}

// ofType gives the resources of a type, by name, as they are in a stack of anyWorld.
func (t *template) ofType(kind string) []resource {
	var found []resource
	for _, name := range slices.Sorted(maps.Keys(t.resources)) {
		if dig(t.resources[name], "Type") == kind {
			found = append(found, t.resource(name, anyWorld()))
		}
	}
	return found
}

func (t *template) resource(name string, w world) resource {
	all, _ := t.resources[name].(map[string]any)
	body, _ := t.render(all["Properties"], w).(map[string]any)
	return resource{name: name, all: all, body: body}
}

// the gives the only resource of a type.
func (t *template) the(kind string, say report) resource {
	found := t.ofType(kind)
	if len(found) != 1 {
		say(templateFile, "has %d of %s, not one", len(found), kind)
		return resource{}
	}
	return found[0]
}

func (r resource) property(path ...any) any { return dig(r.body, path...) }

// text gives a property as it is printed, "<nil>" if it is not there.
func (r resource) text(path ...any) string { return fmt.Sprint(r.property(path...)) }

// dig follows names and indexes into maps and lists; nil if there is nothing.
func dig(v any, path ...any) any {
	for _, step := range path {
		switch at := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[at]
		case int:
			list, _ := v.([]any)
			if at >= len(list) {
				return nil
			}
			v = list[at]
		}
	}
	return v
}

// list gives a list, or a single value as a list of one: IAM and others take both.
func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func texts(v any) []string {
	elements := list(v)
	all := make([]string, len(elements))
	for i, e := range elements {
		all[i] = fmt.Sprint(e)
	}
	return all
}

func (t *template) roleNames() []string { return t.each("AWS::IAM::Role", "RoleName") }
func (t *template) logGroups() []string { return t.each("AWS::Logs::LogGroup", "LogGroupName") }

// each gives a property of all resources of a type.
func (t *template) each(kind, property string) []string {
	resources := t.ofType(kind)
	all := make([]string, len(resources))
	for i, r := range resources {
		all[i] = r.text(property)
	}
	return all
}
