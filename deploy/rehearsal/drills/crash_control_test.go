package drills

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/audit"
	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// TestCrashJudge shows the judge of trials reports of which one thing is wrong.
func TestCrashJudge(t *testing.T) {
	const ms = time.Millisecond
	failed := func(r load.Record) load.Record {
		r.Err = "no process owns the store"
		return r
	}
	for name, c := range map[string]struct {
		change func(r *report, c *trial)
		want   string
		slow   bool // it may be the machine's fault
	}{
		"nothing": {func(*report, *trial) {}, "", false},
		"a failure that the fault excuses": {func(r *report, c *trial) {
			c.excused = away
			r.records = append(r.records, failed(load.Record{REST: true, Code: 503, Start: 900 * ms, End: 2900 * ms}))
		}, "", false},
		"a failure without an excuse": {func(r *report, _ *trial) {
			r.records = append(r.records, failed(load.Record{REST: true, Code: 503, Start: 900 * ms, End: 2900 * ms}))
		}, "1 requests failed", false},
		"a failure of another kind": {func(r *report, c *trial) {
			c.excused = away
			r.records = append(r.records, load.Record{REST: true, Code: 503, Start: 900 * ms, End: 2900 * ms, Err: "503 because of something else"})
		}, "1 requests failed", false},
		"silence": {func(r *report, c *trial) {
			c.excused = away
			r.records = append(r.records, failed(load.Record{Code: 4, Start: 900 * ms, End: 3900 * ms}))
		}, "1 requests were left waiting", true},
		"an answer after the deadline": {func(r *report, c *trial) {
			c.excused = away
			r.records = append(r.records, failed(load.Record{Code: 14, Start: 900 * ms, End: 3950 * ms}))
		}, "1 requests were left waiting", true},
		"silence long before the deadline": {func(r *report, c *trial) {
			c.excused = away
			r.records = append(r.records, failed(load.Record{Code: 4, Start: 900 * ms, End: 1900 * ms}))
		}, "1 requests failed", false},
		"a failure before the fault": {func(r *report, c *trial) {
			c.excused = away
			r.records = append(r.records, failed(load.Record{Code: 14, Start: 100 * ms, End: 500 * ms}))
		}, "1 requests failed", false},
		"a failure long after the fault": {func(r *report, c *trial) {
			c.excused = away
			r.records = append(r.records, failed(load.Record{Code: 14, Start: 5100 * ms, End: 5200 * ms}))
		}, "1 requests failed", false},
		"late service":         {func(r *report, _ *trial) { r.serves = serving(nil, r.over) - r.over }, "until all was served", true},
		"another exit code":    {func(r *report, _ *trial) { r.exit = 2 }, "ended with 2", false},
		"moved though aborted": {func(r *report, c *trial) { r.exit, c.exits = 4, []int{4} }, "broken off", false},
		"a write is gone":      {func(r *report, _ *trial) { r.found.Lost = []string{"posts 7"} }, "lost: 1", false},
		"an epoch twice": {func(r *report, _ *trial) {
			r.journals["posts"] = append(r.journals["posts"], cast.Event{Event: "owns", Instance: "c", Epoch: 2})
		}, "after epoch 2", false},
		"a journal of nothing": {func(r *report, _ *trial) { r.journals["users"] = nil }, "nobody owned it", false},
		"another's handoff": {func(r *report, _ *trial) {
			r.journals["posts"] = append(r.journals["posts"], cast.Event{Event: "hands-over", Instance: "a", Epoch: 2})
		}, "which \"b\" owned", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scene{owner: &cast.Process{Name: "owner"}, epoch: 1}
			r := &report{
				exit: 0, owner: "target", epoch: 2, hit: 1000 * ms, over: 2000 * ms, serves: 10 * ms, found: audit.Finding{},
				journals: map[string][]cast.Event{"posts": {
					{Event: "owns", Instance: "a", Epoch: 1}, {Event: "hands-over", Instance: "a", Epoch: 1}, {Event: "owns", Instance: "b", Epoch: 2},
				}},
			}
			of := &trial{exits: []int{0}}
			c.change(r, of)
			r.judge(s, of)
			got := strings.Join(slices.Concat(r.damage, r.wrong, r.slow), "\n")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) || len(r.slow) > 0 != c.slow {
				t.Errorf("it complains %q, %q and %q, and should do so of %q", r.damage, r.wrong, r.slow, c.want)
			}
		})
	}
}

// TestCrashServing looks for when a board serves again.
func TestCrashServing(t *testing.T) {
	records := []load.Record{
		{Kind: load.GetUser, End: 1}, {Kind: load.CreateUser, End: 6}, {Kind: load.GetThread, End: 5}, {Kind: load.GetPost, End: 7},
		{Kind: load.GetUser, End: 9},
	}
	if at := serving(records, 5); at != 7 {
		t.Errorf("it serves at %d", at)
	}
	for i := range records[1:] {
		some := append([]load.Record(nil), records...)
		some[i].Err = "503"
		if at, want := serving(some, 5), []time.Duration{7, never, never, never}[i]; at != want {
			t.Errorf("without the %d. it serves at %s", i, at)
		}
	}
}
