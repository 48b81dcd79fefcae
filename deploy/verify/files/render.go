package files

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const anyRegion = "us-east-1"

// A world is where and how a stack is made.
type world struct {
	region     string
	zones      []string
	parameters map[string]string // other than the defaults
}

func anyWorld() world {
	return world{region: anyRegion, zones: []string{anyRegion + "a", anyRegion + "b", anyRegion + "c"}}
}

// render gives a value as CloudFormation would make it: a reference to a resource is its
// name in <>, an attribute <Name.Attribute>.
func (t *template) render(v any, w world) any {
	switch v := v.(type) {
	case []any:
		all := []any{}
		for _, e := range v {
			if e = t.render(e, w); e != nil {
				all = append(all, e)
			}
		}
		return all
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				if result, ok := t.call(name, argument, w); ok {
					return result
				}
			}
		}
		all := make(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all[name] = t.render(v[name], w)
		}
		return all
	}
	return v
}

// call gives the result of a function, and whether name is one.
func (t *template) call(name string, argument any, w world) (any, bool) {
	switch name {
	case "Ref":
		return t.reference(fmt.Sprint(argument), w), true
	case "Condition":
		condition, isName := argument.(string)
		return t.render(t.conditions[condition], w), isName
	case "Fn::If":
		if t.render(map[string]any{"Condition": dig(argument, 0)}, w) == true {
			return t.render(dig(argument, 1), w), true
		}
		return t.render(dig(argument, 2), w), true
	}
	arguments := t.render(argument, w)
	switch name {
	case "Fn::GetAtt":
		return fmt.Sprintf("<%v.%v>", dig(arguments, 0), dig(arguments, 1)), true
	case "Fn::Sub":
		return t.substitute(arguments, w), true
	case "Fn::Base64":
		return arguments, true
	case "Fn::FindInMap":
		return dig(t.mappings, list(arguments)...), true
	case "Fn::GetAZs":
		zones := []any{}
		for _, z := range w.zones {
			zones = append(zones, z)
		}
		return zones, true
	case "Fn::Select":
		index, _ := dig(arguments, 0).(int)
		return dig(arguments, 1, index), true
	case "Fn::Equals":
		return fmt.Sprint(dig(arguments, 0)) == fmt.Sprint(dig(arguments, 1)), true
	case "Fn::Or":
		return slices.Contains(list(arguments), any(true)), true
	case "Fn::Not":
		return dig(arguments, 0) != true, true
	}
	return nil, false
}

func (t *template) reference(name string, w world) any {
	switch name {
	case "AWS::Region":
		return w.region
	case "AWS::AccountId":
		return "123456789012"
	case "AWS::Partition":
		return "aws"
	case "AWS::StackName":
		return "STACK"
	}
	if value, ok := w.parameters[name]; ok {
		return value
	}
	if parameter, ok := t.parameters[name]; ok {
		return dig(parameter, "Default")
	}
	return "<" + name + ">"
}

var variable = regexp.MustCompile(`\$\{[^}]*\}`)

func (t *template) substitute(arguments any, w world) string {
	text, own := fmt.Sprint(arguments), map[string]any{}
	if pair, ok := arguments.([]any); ok {
		text = fmt.Sprint(dig(pair, 0))
		own, _ = dig(pair, 1).(map[string]any)
	}
	return variable.ReplaceAllStringFunc(text, func(in string) string {
		name := in[2 : len(in)-1]
		if value, ok := own[name]; ok {
			return fmt.Sprint(value)
		}
		if strings.Contains(name, ".") {
			return "<" + name + ">"
		}
		return fmt.Sprint(t.reference(name, w))
	})
}
