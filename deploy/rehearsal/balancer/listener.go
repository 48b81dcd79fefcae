package balancer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What the ALB allows for a rule's priority; the lowest comes first.
const (
	minPriority = 1
	maxPriority = 50_000
)

// A Rule says what is done with requests whose path matches one of its patterns.
type Rule struct {
	Name     string // the name of its file
	Priority int
	Patterns []string
	Action   Action
}

// An Action is what is done with a request: it is forwarded to a target group, or
// answered by the balancer.
type Action struct {
	Group string         // empty if Fixed is not nil
	Fixed *FixedResponse // nil if Group is not empty
}

// A FixedResponse is an answer of the balancer's own.
type FixedResponse struct {
	StatusCode  int
	ContentType string
	Body        string
}

// Errors of changes to a listener.
var (
	ErrPriorityInUse = errors.New("the priority is in use")
	ErrRuleExists    = errors.New("there is a rule of that name")
	ErrNoRule        = errors.New("there is no rule of that name")
	ErrNoGroup       = errors.New("there is no target group of that name")
)

// A table is the rules of a listener by priority, and its default action. It is never
// changed: each change makes a new one.
type table struct {
	rules []Rule
	rest  Action
}

// route gives the action for a path.
func (t *table) route(path string) Action {
	for i := range t.rules {
		for _, pattern := range t.rules[i].Patterns {
			if matchPath(pattern, path) {
				return t.rules[i].Action
			}
		}
	}
	return t.rest
}

func (t *table) add(rule Rule) (*table, error) {
	if t.index(rule.Name) >= 0 {
		return nil, fmt.Errorf("rule %s: %w", rule.Name, ErrRuleExists)
	}
	rule.Patterns = slices.Clone(rule.Patterns)
	return (&table{append(slices.Clone(t.rules), rule), t.rest}).sorted()
}

func (t *table) remove(name string) (*table, error) {
	i := t.index(name)
	if i < 0 {
		return nil, fmt.Errorf("rule %s: %w", name, ErrNoRule)
	}
	return &table{slices.Delete(slices.Clone(t.rules), i, i+1), t.rest}, nil
}

func (t *table) prioritize(priorities map[string]int) (*table, error) {
	next := &table{slices.Clone(t.rules), t.rest}
	for name, priority := range priorities {
		i := next.index(name)
		if i < 0 {
			return nil, fmt.Errorf("rule %s: %w", name, ErrNoRule)
		}
		next.rules[i].Priority = priority
	}
	return next.sorted()
}

func (t *table) withDefault(rest Action) *table { return &table{t.rules, rest} }

func (t *table) index(name string) int {
	return slices.IndexFunc(t.rules, func(r Rule) bool { return r.Name == name })
}

// sorted puts the rules in order and refuses wrong ones.
func (t *table) sorted() (*table, error) {
	slices.SortFunc(t.rules, func(a, b Rule) int { return a.Priority - b.Priority })
	for i, rule := range t.rules {
		if err := rule.check(); err != nil {
			return nil, err
		}
		if i > 0 && t.rules[i-1].Priority == rule.Priority {
			return nil, fmt.Errorf("rules %s and %s, %d: %w", t.rules[i-1].Name, rule.Name, rule.Priority, ErrPriorityInUse)
		}
	}
	return t, nil
}

func (r *Rule) check() error {
	if r.Priority < minPriority || r.Priority > maxPriority {
		return fmt.Errorf("rule %s: the priority %d is not from %d to %d", r.Name, r.Priority, minPriority, maxPriority)
	}
	if len(r.Patterns) == 0 {
		return fmt.Errorf("rule %s has no path pattern", r.Name)
	}
	wildcards := 0
	for _, pattern := range r.Patterns {
		if err := checkPattern(pattern); err != nil {
			return fmt.Errorf("rule %s: %w", r.Name, err)
		}
		wildcards += strings.Count(pattern, "*") + strings.Count(pattern, "?")
	}
	if wildcards > maxWildcards {
		return fmt.Errorf("rule %s has more than %d wildcards", r.Name, maxWildcards)
	}
	return nil
}

// check refuses an action that leads to none of the groups.
func (a Action) check(groups map[string]TargetGroup) error {
	if a.Fixed != nil {
		return nil
	}
	if _, ok := groups[a.Group]; !ok {
		return fmt.Errorf("%q: %w", a.Group, ErrNoGroup)
	}
	return nil
}
