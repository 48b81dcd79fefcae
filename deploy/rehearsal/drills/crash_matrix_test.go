package drills

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

var matrix = flag.Bool("matrix", false, "TestCrash runs all of its trials, and not just some")

const (
	// together is how many trials run at a time. They mostly wait.
	together = 5
	// recovery is how long the board may take to serve again after a fault.
	recovery = 3 * time.Second
)

// A trial is a fault that a board meets under load.
type trial struct {
	name string
	// short trials are part of each test run.
	short bool
	// alone is for a trial that needs the machine for itself.
	alone bool
	// play brings the fault about, and says when it began and ended.
	play func(t *testing.T, s *scene)
	// excused tells whether a request may have failed so because of the fault. Nil: none
	// may.
	excused func(s *scene, r *load.Record) bool
	// exits are the exit codes that the handoff may end with; none if there is none.
	exits []int
	// after, if it is set, looks at what is special about this trial, at its end.
	after func(t *testing.T, s *scene, r *report)
}

// TestCrash brings every fault about, each on a board of its own.
func TestCrash(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("only Linux has fail points")
	}
	trials := slices.Concat(crashes(), diskFaults(), fileFaults(), heldFaults(), rivals())
	if !*matrix {
		trials = slices.DeleteFunc(trials, func(c trial) bool { return !c.short })
	}
	if _, err := failpoints(); err != nil {
		t.Fatal(err)
	}
	reports := runTogether(t, trials)
	t.Logf("%d trials\n%s", len(reports), table(reports))
}

// runTogether runs trials, a few at a time, and then those that are to be alone.
func runTogether(t *testing.T, trials []trial) []report {
	t.Helper()
	var mu sync.Mutex
	var reports []report
	run := func(c trial) {
		t.Run(c.name, func(t *testing.T) {
			r := c.run(t)
			mu.Lock()
			defer mu.Unlock()
			reports = append(reports, r)
		})
	}
	queue := make(chan trial)
	var working sync.WaitGroup
	for range together {
		working.Go(func() {
			for c := range queue {
				run(c)
			}
		})
	}
	for _, c := range trials {
		if !c.alone {
			queue <- c
		}
	}
	close(queue)
	working.Wait()
	for _, c := range trials {
		if c.alone {
			run(c)
		}
	}
	return reports
}

// tries is how often a trial is run whose outcome may be the machine's doing.
const tries = 3

// run runs a trial, on a board of its own.
func (c *trial) run(t *testing.T) report {
	t.Helper()
	for n := 1; ; n++ {
		s := newScene(t)
		machine := measure(t, s.folder)
		r := c.once(t, s)
		machine.end()
		hung := machine.sync > maxSync && len(r.wrong)+len(r.slow) > 0
		late := machine.late > maxLate && len(r.wrong) == 0 && len(r.slow) > 0
		if complaints := slices.Concat(r.wrong, r.slow); !t.Failed() && len(r.damage) == 0 && (hung || late) && n < tries {
			t.Logf("try %d: the machine was %s late, and a sync took %s, so that this means nothing: %s",
				n, brief(machine.late), brief(machine.sync), strings.Join(complaints, "\n"))
			continue
		}
		for _, complaint := range slices.Concat(r.damage, r.wrong, r.slow) {
			t.Error(complaint)
		}
		return r
	}
}

// once runs it once.
func (c *trial) once(t *testing.T, s *scene) report {
	t.Helper()
	c.play(t, s)
	disagreement := s.settle(t)
	r := s.end(t)
	r.name = c.name
	if disagreement != "" {
		r.complain("%s", disagreement)
	}
	r.judge(s, c)
	if c.after != nil {
		c.after(t, s, &r)
	}
	return r
}

// table writes what came of the trials, for people.
func table(reports []report) string {
	slices.SortFunc(reports, func(a, b report) int { return strings.Compare(a.name, b.name) })
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TRIAL\tHANDOFF\tSERVES AFTER\tLONGEST HOLD\tREQUESTS\tFAILED\tPOSTS AT\tEPOCH\tNOTE")
	for _, r := range reports {
		exit := "-"
		if r.exit != noHandoff {
			exit = strconv.Itoa(r.exit)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%d\t%s\n", r.name, exit, r.serves.Round(time.Millisecond),
			r.hold.Round(time.Millisecond), r.requests, r.failed, r.owner, r.epoch, r.note)
	}
	_ = w.Flush() // to memory
	return text.String()
}
