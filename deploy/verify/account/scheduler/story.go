package scheduler

import (
	"fmt"
	"strings"
)

// Story tells of all tasks that there were, and what they wrote last. It is for a failure.
func (s *Scheduler) Story() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, t := range s.tasks {
		fmt.Fprintf(&b, "%s %s of %s: %s, %s", t.created.Format("15:04:05"), t.id, t.group, t.status, t.health)
		if t.exitCode != nil {
			fmt.Fprintf(&b, ", exit code %d", *t.exitCode)
		}
		if t.stopping() {
			fmt.Fprintf(&b, ", because: %s", t.reason)
		}
		if t.trouble != "" {
			fmt.Fprintf(&b, ", trouble: %s", t.trouble)
		}
		b.WriteByte('\n')
		t.log.mu.Lock()
		for _, line := range t.log.tail {
			fmt.Fprintf(&b, "    %.300s\n", line)
		}
		t.log.mu.Unlock()
	}
	return b.String()
}
