package files

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A unit is a file of systemd: the values of its keys, by section.
type unit map[string]map[string][]string

// parseUnit reads the plain form that is in the template, and gives the lines that are not
// of it.
func parseUnit(text string) (unit, []string) {
	u, section := make(unit), ""
	var strange []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, value, isSetting := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
			if u[section] == nil {
				u[section] = make(map[string][]string)
			}
		case isSetting && section != "" && !strings.HasSuffix(line, `\`):
			u[section][key] = append(u[section][key], value)
		default:
			strange = append(strange, line)
		}
	}
	return u, strange
}

// unitSettings are what the start of the instance depends on.
var unitSettings = []struct{ file, section, key, want, why string }{
	{storesUnit, "Unit", "Wants", "network-online.target", "it asks AWS for the volume"},
	{storesUnit, "Unit", "After", "network-online.target", "it asks AWS for the volume"},
	{storesUnit, "Unit", "StartLimitIntervalSec", "0", "it is tried again without end"},
	{storesUnit, "Service", "Type", "oneshot", "the agent waits for its end"},
	{storesUnit, "Service", "RemainAfterExit", "yes", "the agent requires it"},
	{storesUnit, "Service", "ExecStart", storesFile, "that mounts the stores"},
	{storesUnit, "Service", "ExecStartPost", "/usr/bin/systemctl --no-block start ecs.service", "the agent waits for this unit, so this unit cannot wait for the agent"},
	{storesUnit, "Service", "Restart", "on-failure", "it is tried again without end"},
	{storesUnit, "Service", "RestartSec", "15", "tries are not made without a pause"},
	{storesUnit, "Service", "StandardOutput", "journal+console", "an instance without its volume can be read by its console alone"},
	{storesUnit, "Service", "StandardError", "journal+console", "an instance without its volume can be read by its console alone"},
	{storesUnit, "Install", "WantedBy", "multi-user.target", "the stores are mounted after a reboot too"},
	{agentDropIn, "Unit", "Requires", "splitboard-stores.service", "the agent does not run without the stores"},
	{agentDropIn, "Unit", "After", "splitboard-stores.service", "the agent does not run before the stores are there"},
	{agentDropIn, "Unit", "AssertPathIsMountPoint", mountPoint, "the agent does not run without the stores"},
}

// checkUnits wants an instance whose agent starts when the stores are mounted, and then
// does.
func checkUnits(s *set, say report) {
	files := s.template.stores(anyWorld(), say).files
	units := make(map[string]unit)
	for _, file := range []string{storesUnit, agentDropIn} {
		u, strange := parseUnit(files[file])
		for _, line := range strange {
			say(templateFile, "%s: the line %q is no setting", file, line)
		}
		units[file] = u
	}
	for _, setting := range unitSettings {
		if got := units[setting.file][setting.section][setting.key]; !slices.Equal(got, []string{setting.want}) {
			say(templateFile, "%s: %s in [%s] is %q, not %q: %s", setting.file, setting.key, setting.section, got, setting.want, setting.why)
		}
	}
	// Whoever is patient, systemd has to be more so: else nobody says what was not there.
	limit := strings.Join(units[storesUnit]["Service"]["TimeoutStartSec"], " ")
	bound, err := time.ParseDuration(strings.TrimSuffix(limit, "in")) // 20min is 20m to Go
	if longest := longestStart(files[storesFile]); err != nil || longest == 0 || bound < longest+time.Minute {
		say(templateFile, "%s: TimeoutStartSec is %q, and the script may take %v for the volume and then mounts it", storesUnit, limit, longest)
	}
}

// The script waits by these for the volume, and what may come after the last look at the
// clock.
var storesWaits = regexp.MustCompile(`(?m)^patience=(\d+)$|\btimeout (\d+) (?:aws|dnf) |^\s*sleep (\d+)$`)

// longestStart gives how long the script waits for the volume at most; 0 if it does not
// bound that.
func longestStart(script string) time.Duration {
	waits := storesWaits.FindAllStringSubmatch(script, -1)
	if len(waits) != 4 {
		return 0
	}
	total := 0
	for _, groups := range waits {
		n, err := strconv.Atoi(strings.Join(groups[1:], ""))
		if err != nil {
			return 0
		}
		total += n
	}
	return time.Duration(total) * time.Second
}
