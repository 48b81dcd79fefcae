package files

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// longestStop is the most that ECS waits between SIGTERM and SIGKILL.
const longestStop = 120 * time.Second

// checkHealth wants checks that end before the next one begins.
func checkHealth(s *set, say report) {
	s.eachTask(say, func(_, file string, _ *ecs.RegisterTaskDefinitionInput, c *types.ContainerDefinition) {
		h := c.HealthCheck
		if h == nil || fmt.Sprint(h.Command) != "[CMD /splitboard health]" {
			say(file, "the container's health is not asked with /splitboard health, and there is no shell")
			return
		}
		if aws.ToInt32(h.Timeout) >= aws.ToInt32(h.Interval) {
			say(file, "the health check's timeout of %d s is not below its interval of %d s", aws.ToInt32(h.Timeout), aws.ToInt32(h.Interval))
		}
		// The command gives up by itself, with a reason, after 2 s.
		if aws.ToInt32(h.Timeout) <= 2 {
			say(file, "the health check's timeout of %d s cuts the command short, which takes up to 2 s", aws.ToInt32(h.Timeout))
		}
	})
	for _, name := range names {
		group := s.groups[name]
		if aws.ToInt32(group.HealthCheckTimeoutSeconds) >= aws.ToInt32(group.HealthCheckIntervalSeconds) {
			say(groupFile(name), "the health check's timeout of %d s is not below its interval of %d s",
				aws.ToInt32(group.HealthCheckTimeoutSeconds), aws.ToInt32(group.HealthCheckIntervalSeconds))
		}
	}
}

// checkEnding wants a program to have the time that its end may take.
func checkEnding(s *set, say report) {
	ending, err := s.ending()
	if err != nil {
		say("internal/serve", "cannot tell how long a program's end may take: %v", err)
		return
	}
	s.eachTask(say, func(name, file string, _ *ecs.RegisterTaskDefinitionInput, c *types.ContainerDefinition) {
		drain, err := s.drain(name)
		if err != nil {
			say(file, "SPLITBOARD_DRAIN: %v", err)
			return
		}
		stop := time.Duration(aws.ToInt32(c.StopTimeout)) * time.Second
		if stop < drain+ending {
			say(file, "stopTimeout is %v, and a program's end may take %v: %v of draining and %v for its steps", stop, drain+ending, drain, ending)
		}
		if stop > longestStop {
			say(file, "stopTimeout is %v, above the %v that ECS waits", stop, longestStop)
		}
	})
}

// drain is for how long a service goes on answering after SIGTERM.
func (s *set) drain(name string) (time.Duration, error) {
	for _, c := range s.tasks[name].ContainerDefinitions {
		for _, e := range c.Environment {
			if aws.ToString(e.Name) == flagPrefix+"DRAIN" {
				return time.ParseDuration(aws.ToString(e.Value))
			}
		}
	}
	return 0, errors.New("is not set")
}

// ending is how long a program may take from SIGTERM to its end, but for the drain: it
// hands its stores over before, at the end of, and after the drain, if the first time was
// in vain; then each step has its grace, and two of them wait for what they broke off. The
// numbers are read from the program's source: a deployment may not import it.
func (s *set) ending() (time.Duration, error) {
	const source = "internal/serve/"
	handOff, err := s.constant(source+"process.go", "handOffTimeout")
	if err != nil {
		return 0, err
	}
	abort, err := s.constant(source+"http.go", "abortGrace")
	if err != nil {
		return 0, err
	}
	steps, err := s.declared(source+"steps.go", "steps")
	if err != nil {
		return 0, err
	}
	table, ok := steps.(*ast.CompositeLit)
	if !ok || len(table.Elts) == 0 {
		return 0, errors.New("steps is no table")
	}
	sum := 3*handOff + 2*abort
	for _, row := range table.Elts {
		step, ok := row.(*ast.CompositeLit)
		if !ok || len(step.Elts) != 4 {
			return 0, errors.New("a step has no name, start, stop and grace")
		}
		grace, err := duration(step.Elts[3])
		if err != nil {
			return 0, err
		}
		sum += grace
	}
	return sum, nil
}

func (s *set) constant(file, name string) (time.Duration, error) {
	value, err := s.declared(file, name)
	if err != nil {
		return 0, err
	}
	return duration(value)
}

// declared gives the value of a constant or variable of a Go file.
func (s *set) declared(file, name string) (ast.Expr, error) {
	data, err := fs.ReadFile(s.repository, file)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, data, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found ast.Expr
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 && spec.Names[0].Name == name {
			found = spec.Values[0]
		}
		return found == nil
	})
	if found == nil {
		return nil, fmt.Errorf("%s has no %s", file, name)
	}
	return found, nil
}

// duration evaluates 0, time.Second and 5 * time.Second.
func duration(e ast.Expr) (time.Duration, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Value == "0" {
			return 0, nil
		}
	case *ast.SelectorExpr:
		switch e.Sel.Name {
		case "Second":
			return time.Second, nil
		case "Millisecond":
			return time.Millisecond, nil
		}
	case *ast.BinaryExpr:
		times, ok := e.X.(*ast.BasicLit)
		if !ok || e.Op != token.MUL {
			break
		}
		n, err := strconv.Atoi(times.Value)
		if err != nil {
			return 0, err
		}
		unit, err := duration(e.Y)
		return time.Duration(n) * unit, err
	}
	return 0, fmt.Errorf("%T is no duration that is known here", e)
}
