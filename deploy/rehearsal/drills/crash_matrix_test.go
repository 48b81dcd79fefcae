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

// tries is how often a trial is run if clients were answered too late on a machine that
// was late itself.
const tries = 3

// run runs a trial, on a board of its own.
func (c *trial) run(t *testing.T) report {
	t.Helper()
	for n := 1; ; n++ {
		late := lateness()
		r, wrong, slow := c.once(t)
		if behind := late(); !t.Failed() && len(slow) > 0 && len(wrong) == 0 && behind > maxLate && n < tries {
			t.Logf("try %d: the machine was %s late, so that this means nothing: %s", n, brief(behind), strings.Join(slow, "\n"))
			continue
		}
		for _, complaint := range slices.Concat(wrong, slow) {
			t.Error(complaint)
		}
		return r
	}
}

// once runs it once, and says what was wrong, and what was too slow.
func (c *trial) once(t *testing.T) (r report, wrong, slow []string) {
	t.Helper()
	s := newScene(t)
	c.play(t, s)
	s.settle(t)
	r = s.end(t)
	r.name = c.name
	if c.after != nil {
		c.after(t, s, &r)
	}
	wrong, slow = r.complaints(s, c)
	return r, wrong, slow
}

// maxLate is how late a machine may be that says whether answers come in time: half of the
// 100 ms that a forwarder leaves of a deadline for its answer's way.
const maxLate = 50 * time.Millisecond

// lateness measures how late the machine wakes somebody up at worst, until it is asked.
func lateness() (worst func() time.Duration) {
	stop, stopped := make(chan struct{}), make(chan time.Duration)
	go func() {
		const every = time.Millisecond
		tick := time.NewTicker(every)
		defer tick.Stop()
		var worst time.Duration
		for last := time.Now(); ; {
			select {
			case <-tick.C:
				now := time.Now()
				worst, last = max(worst, now.Sub(last)-every), now
			case <-stop:
				stopped <- worst
				return
			}
		}
	}()
	return func() time.Duration {
		close(stop)
		return <-stopped
	}
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
