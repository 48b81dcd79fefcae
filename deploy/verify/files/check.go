package files

import (
	"fmt"
	"io/fs"
	"slices"
)

// A Problem is something about a file that would not work, or not as it is meant.
type Problem struct {
	Check string // which of the checks found it
	File  string
	Text  string
}

func (p Problem) String() string { return fmt.Sprintf("%s: %s (%s)", p.File, p.Text, p.Check) }

// A report takes a problem with a file.
type report func(file, format string, args ...any)

// The checks that are made of files that could be read, in this order.
var checks = []struct {
	name string
	run  func(*set, report)
}{
	{"sent", checkSent},
	{"placeholders", checkPlaceholders},
	{"tutorial", checkTutorial},
	{"hardening", checkHardening},
	{"images", checkImages},
	{"roles", checkRoles},
	{"volumes", checkVolumes},
	{"ports", checkPorts},
	{"environment", checkEnvironment},
	{"health", checkHealth},
	{"ending", checkEnding},
	{"logs", checkLogs},
	{"services", checkServices},
	{"rules", checkRules},
	{"listener", checkListener},
	{"balancer times", checkBalancerTimes},
	{"network", checkNetwork},
	{"data volume", checkDataVolume},
	{"instance", checkInstance},
	{"units", checkUnits},
	{"agent", checkAgent},
	{"capacity", checkCapacity},
	{"permissions", checkPermissions},
	{"discovery", checkDiscovery},
	{"alarms", checkAlarms},
	{"outputs", checkOutputs},
}

// Check gives all problems of the files in deploy/ecs of the repository, or of a copy with
// changes. Where files cannot be read as what they are for, it gives only that.
func Check(repository fs.FS) []Problem {
	var problems []Problem
	in := func(name string) report {
		return func(file, format string, args ...any) {
			problems = append(problems, Problem{Check: name, File: file, Text: fmt.Sprintf(format, args...)})
		}
	}
	s := load(repository, in("decoding"))
	if len(problems) == 0 {
		for _, c := range checks {
			c.run(s, in(c.name))
		}
	}
	return slices.Compact(problems)
}
