package files

import (
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// types of instances that the template offers: vCPU and MiB.
var instanceTypes = map[string]struct{ cpus, memory int }{
	"t3.medium": {2, 4096}, "t3.large": {2, 8192},
	"t3a.medium": {2, 4096}, "t3a.large": {2, 8192},
	"t4g.medium": {2, 4096}, "t4g.large": {2, 8192},
	"m6i.large": {2, 8192}, "m6g.large": {2, 8192},
	"m7i.large": {2, 8192}, "m7g.large": {2, 8192},
}

// The task that asks and moves owners is sized by the script that starts it.
const operatorFile = home + "/lib/tasks.sh"

var (
	operatorStart = regexp.MustCompile(`(?ms)^run_once\(\) \{.*?^\}$`)
	operatorSize  = regexp.MustCompile(`\bcpu: (\d+), memory: (\d+)\}`)
)

// operator gives the CPU units and MiB of that task.
func (s *set) operator(say report) (cpu, memory int) {
	script, err := fs.ReadFile(s.repository, operatorFile)
	if err != nil {
		say(operatorFile, "%v", err)
	}
	size := operatorSize.FindSubmatch(operatorStart.Find(script))
	if size == nil {
		say(operatorFile, "run_once does not say which CPU and memory its task takes")
		return 0, 0
	}
	return number(string(size[1])), number(string(size[2]))
}

// checkCapacity computes whether every type of instance carries all tasks twice, as while
// all four services are deployed at once, and the operator's task beside one that is.
func checkCapacity(s *set, say report) {
	operatorCPU, memory := s.operator(say)
	once, largest := 0, 0
	for _, name := range names {
		for _, c := range s.tasks[name].ContainerDefinitions {
			once += int(c.Cpu)
			largest = max(largest, int(c.Cpu))
			memory += 2 * int(aws.ToInt32(c.Memory))
		}
	}
	cpu := max(2*once, once+largest+operatorCPU)
	b := s.template.stores(anyWorld(), say)
	reserved := 0
	for line := range strings.Lines(b.files[agentConfig]) {
		if value, ok := strings.CutPrefix(line, "ECS_RESERVED_MEMORY="); ok {
			reserved = number(value)
		}
	}
	if reserved == 0 {
		say(templateFile, "no memory is kept for the agent and the system")
	}
	parameter := s.template.parameters["InstanceType"]
	if fmt.Sprint(dig(parameter, "Default")) != "t3.medium" {
		say(templateFile, "the instance type is not t3.medium unless told")
	}
	for _, name := range texts(dig(parameter, "AllowedValues")) {
		kind, ok := instanceTypes[name]
		if !ok {
			say(templateFile, "what an instance of type %q carries is not known here", name)
			continue
		}
		// The kernel keeps up to a tenth for itself.
		has := kind.memory*9/10 - reserved
		if kind.cpus*1024 < cpu || has < memory {
			say(templateFile, "an instance of type %s has %d CPU units and %d MiB, and a doubled deployment takes %d and %d", name, kind.cpus*1024, has, cpu, memory)
		}
	}
}

// number reads "60s" and "256"; 0 if it is neither.
func number(text string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(text), "s"))
	if err != nil {
		return 0
	}
	return n
}
