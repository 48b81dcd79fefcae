package drills

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
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

// judge complains about all that must not be.
func (r *report) judge(t *testing.T, s *scene, c *trial) {
	t.Helper()
	for _, complaint := range r.complaints(s, c) {
		t.Error(complaint)
	}
}

func (r *report) complaints(s *scene, c *trial) (list []string) {
	complain := func(format string, values ...any) { list = append(list, fmt.Sprintf(format, values...)) }
	if r.serves >= recovery {
		complain("it took %s from the fault's end until all was served", r.serves)
	}
	if !slices.Contains(c.exits, r.exit) && (len(c.exits) > 0 || r.exit != noHandoff) {
		complain("the handoff ended with %d, and not with %d", r.exit, c.exits)
	}
	if r.exit == cast.ExitAborted && (r.epoch != s.epoch || r.owner != s.owner.Name) {
		complain("the handoff was broken off, and the posts are at %s in epoch %d", r.owner, r.epoch)
	}
	var inexcusable []load.Record
	for i := range r.records {
		rec := &r.records[i]
		if rec.Failed() && (!r.answered(rec) || c.excused == nil || !c.excused(s, rec)) {
			inexcusable = append(inexcusable, *rec)
		}
	}
	if n := len(inexcusable); n > 0 {
		complain("%d requests failed that may not; the fault was from %s to %s:\n%s", n, brief(r.hit), brief(r.over),
			strings.Join(failures(inexcusable[:min(n, 8)]), "\n"))
	}
	if !r.found.OK() {
		complain("%s", &r.found)
	}
	for service, events := range r.journals {
		if err := consistent(events); err != nil {
			complain("the journal of %s: %v", service, err)
		}
	}
	return list
}

// notice is how much later than a process a trial sees what befalls it.
const notice = 200 * time.Millisecond

// answered tells whether a request that failed was answered by 503 within its deadline,
// and was sent at a time when the fault can be why.
func (r *report) answered(rec *load.Record) bool {
	code, deadline := 14, grpcTimeout
	if rec.REST {
		code, deadline = 503, restDeadline
	}
	return int(rec.Code) == code && rec.End-rec.Start < deadline && rec.End > r.hit-notice && rec.Start < r.over+recovery
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
