package files

import (
	"io/fs"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// peers are the services that a program asks by gRPC.
var peers = map[string][]string{"threads": {"users"}, "posts": {"users", "threads"}}

const (
	namespace  = "splitboard.internal"
	flagPrefix = "SPLITBOARD_"
)

// checkEnvironment wants the settings of a deployment, and none that the program does not
// know: a misspelt one would be its default, unnoticed.
func checkEnvironment(s *set, say report) {
	flags := s.flags(say)
	s.eachTask(say, func(name, file string, _ *ecs.RegisterTaskDefinitionInput, c *types.ContainerDefinition) {
		want := map[string]string{
			"SPLITBOARD_SEED":   "none",  // an import wants an empty board
			"SPLITBOARD_CREATE": "never", // a volume that is not mounted is no empty board
			"SPLITBOARD_DRAIN":  "5s",
			"GOMEMLIMIT":        "192MiB", // three quarters of memory
		}
		for _, peer := range peers[name] {
			// The service, and where there is none the monolith.
			want[flagPrefix+strings.ToUpper(peer)+"_ADDR"] = "srv:" + peer + "." + namespace + ",srv:api." + namespace
		}
		got := make(map[string]string)
		for _, e := range c.Environment {
			variable, value := aws.ToString(e.Name), aws.ToString(e.Value)
			if _, ok := got[variable]; ok {
				say(file, "%s is set twice", variable)
			}
			got[variable] = value
			flag, ours := strings.CutPrefix(variable, flagPrefix)
			if ours && !flags[strings.ToLower(strings.ReplaceAll(flag, "_", "-"))] {
				say(file, "%s is of no flag in the README", variable)
			}
			if wanted, ok := want[variable]; !ok {
				say(file, "%s is not for this program", variable)
			} else if value != wanted {
				say(file, "%s is %q, not %q", variable, value, wanted)
			}
		}
		for variable := range want {
			if _, ok := got[variable]; !ok {
				say(file, "%s is not set", variable)
			}
		}
	})
}

var flagRow = regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\|")

// flags are those of the README's table, which a test of the programs keeps equal to what
// they take.
func (s *set) flags(say report) map[string]bool {
	readme, err := fs.ReadFile(s.repository, "README.md")
	if err != nil {
		say("README.md", "%v", err)
	}
	flags := make(map[string]bool)
	for _, row := range flagRow.FindAllSubmatch(readme, -1) {
		flags[string(row[1])] = true
	}
	return flags
}
