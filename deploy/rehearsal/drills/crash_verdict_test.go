package drills

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/audit"
	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// A report is what came of a trial.
type report struct {
	name     string
	exit     int           // of the handoff
	serves   time.Duration // from the fault's end until all is served
	hold     time.Duration // the longest time that a success took
	requests int
	failed   int
	owner    string // of the posts, at the end
	epoch    uint64 // same
	note     string

	records   []load.Record
	hit, over time.Duration // of the fault, by the records' clock
	found     audit.Finding
	journals  map[string][]cast.Event

	// What is wrong with the data, with what the processes did, and with how long it took.
	damage, wrong, slow []string
}

func newReport(s *scene, records []load.Record, found audit.Finding) report {
	r := report{
		exit: s.exit, note: s.note, requests: len(records), records: records, found: found,
		hit: s.hit.Sub(s.began()), over: s.over.Sub(s.began()), journals: map[string][]cast.Event{},
	}
	r.serves = serving(records, r.over) - r.over
	for i := range records {
		if rec := &records[i]; rec.Failed() {
			r.failed++
		} else {
			r.hold = max(r.hold, rec.End-rec.Start)
		}
	}
	return r
}

// never is when a board serves again that does not.
const never = time.Hour

// serving gives when the board serves again after a time: when each service has answered,
// and a write was acknowledged.
func serving(records []load.Record, after time.Duration) time.Duration {
	first := map[string]time.Duration{"write": never}
	for _, service := range services {
		first[service] = never
	}
	for i := range records {
		r := &records[i]
		if r.Failed() || r.End < after {
			continue
		}
		first[r.Kind.Service()] = min(first[r.Kind.Service()], r.End)
		if r.Kind.Write() {
			first["write"] = min(first["write"], r.End)
		}
	}
	last := after
	for _, at := range first {
		last = max(last, at)
	}
	return last
}

// complain notes what must not be.
func (r *report) complain(format string, values ...any) {
	r.wrong = append(r.wrong, fmt.Sprintf(format, values...))
}

// judge complains of all that must not be in any trial.
func (r *report) judge(s *scene, c *trial) {
	if r.serves >= recovery {
		r.slow = append(r.slow, fmt.Sprintf("it took %s from the fault's end until all was served", r.serves))
	}
	if !slices.Contains(c.exits, r.exit) && (len(c.exits) > 0 || r.exit != noHandoff) {
		r.complain("the handoff ended with %d, and not with %d", r.exit, c.exits)
	}
	if r.exit == cast.ExitAborted && (r.epoch != s.epoch || r.owner != s.owner.Name) {
		r.complain("the handoff was broken off, and the posts are at %s in epoch %d", r.owner, r.epoch)
	}
	failed := map[verdict][]load.Record{}
	for i := range r.records {
		if rec := &r.records[i]; rec.Failed() {
			v := r.judgeFailure(rec, s, c)
			failed[v] = append(failed[v], *rec)
		}
	}
	for v, list := range map[verdict]*[]string{inexcusable: &r.wrong, late: &r.slow} {
		if of := failed[v]; len(of) > 0 {
			*list = append(*list, fmt.Sprintf("%d requests %s; the fault was from %s to %s:\n%s", len(of), v, brief(r.hit), brief(r.over),
				strings.Join(failures(of[:min(len(of), 8)]), "\n")))
		}
	}
	if !r.found.OK() {
		r.damage = append(r.damage, r.found.String())
	}
	for service, events := range r.journals {
		if err := consistent(events); err != nil {
			r.damage = append(r.damage, fmt.Sprintf("the journal of %s: %v", service, err))
		}
	}
}

// A verdict is what to think of a request that failed.
type verdict string

const (
	excusable   verdict = "failed, as they may"
	inexcusable verdict = "failed that may not"
	late        verdict = "were left waiting"
)

// notice is how much later than a process a trial sees what befalls it.
const notice = 200 * time.Millisecond

// judgeFailure decides about a request that failed: the fault must be why, and it must have been
// answered by 503 within its deadline.
func (r *report) judgeFailure(rec *load.Record, s *scene, c *trial) verdict {
	if c.excused == nil || rec.End <= r.hit-notice || rec.Start >= r.over+recovery {
		return inexcusable
	}
	unavailable, deadline, silence := 14, grpcTimeout, 4
	if rec.REST {
		unavailable, deadline, silence = 503, restDeadline, 504
	}
	switch took := rec.End - rec.Start; {
	case int(rec.Code) == silence && took >= deadline-notice:
		return late
	case int(rec.Code) != unavailable || !c.excused(s, rec):
		return inexcusable
	case took >= deadline:
		return late
	}
	return excusable
}

// away excuses requests that found no owner, or one that did not answer, or that needed
// another service in that state.
func away(_ *scene, r *load.Record) bool {
	return strings.Contains(r.Err, "no process owns the store") ||
		r.Kind.Creates() && strings.Contains(r.Err, "another service that this request needs cannot be asked now")
}

// consistent says what is wrong with a journal: epochs must rise, and whatever is done in
// one is done by the instance that owned it.
func consistent(events []cast.Event) error {
	var epoch uint64
	owners := map[uint64]string{}
	for _, e := range events {
		if e.Event != "owns" {
			continue
		}
		if e.Epoch <= epoch {
			return fmt.Errorf("%s owns it in epoch %d, after epoch %d", e.Instance, e.Epoch, epoch)
		}
		epoch, owners[e.Epoch] = e.Epoch, e.Instance
	}
	if epoch == 0 {
		return errors.New("nobody owned it")
	}
	for _, e := range events {
		if e.Event != "owns" && owners[e.Epoch] != "" && owners[e.Epoch] != e.Instance {
			return fmt.Errorf("%s %s it in epoch %d, which %q owned", e.Instance, e.Event, e.Epoch, owners[e.Epoch])
		}
	}
	return nil
}
