package audit

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// Audit holds a board against the requests that were made of it. before is what was on
// it when the load began, and nil if it was empty.
func Audit(records []load.Record, before, after Board) Finding {
	var f Finding
	for _, service := range []string{load.Users, load.Threads, load.Posts} {
		a := &auditor{
			finding: &f, service: service, before: before[service], after: after[service],
			told: map[int64]*history{}, sent: map[string]sent{},
		}
		a.learn(records)
		a.searchContents()
		a.compareResources()
		a.compareOld()
	}
	for _, list := range []*[]string{&f.Lost, &f.Doubled, &f.Changed, &f.Strange} {
		slices.Sort(*list)
	}
	return f
}

// An auditor audits one service.
type auditor struct {
	finding       *Finding
	service       string
	before, after map[int64]Row

	told map[int64]*history // what clients have created, or changed if it was there, by id
	sent map[string]sent    // each content that was sent
}

// A history is what is known of a resource.
type history struct {
	now    Row      // as a client was told last
	former []string // contents that were acknowledged, and replaced
	open   []string // contents of updates that failed: they may have happened

	deleted      bool
	maybeDeleted bool // a deletion failed

	elsewhere int64 // the id that its content has, as its own has none; 0 if that is not so
}

// sent is what is known of a content.
type sent struct {
	id   int64 // the resource's; 0 if its creation failed, so that nobody knows
	open bool  // the write failed
}

func (a *auditor) complain(list *[]string, format string, args ...any) {
	*list = append(*list, a.service+" "+fmt.Sprintf(format, args...))
}

// learn replays the writes. A resource is changed by one client only, so that the order
// in which its writes ended is the one in which they happened.
func (a *auditor) learn(records []load.Record) {
	var of []*load.Record
	for i := range records {
		if r := &records[i]; r.Kind.Write() && r.Kind.Service() == a.service {
			of = append(of, r)
		}
	}
	slices.SortStableFunc(of, func(r, s *load.Record) int { return cmp.Compare(r.End, s.End) })
	for _, r := range of {
		if r.Failed() {
			a.finding.Open++
		}
		if r.Kind.Creates() {
			a.learnCreation(r)
			continue
		}
		h := a.told[r.ID]
		if h == nil {
			old, ok := a.before[r.ID]
			if !ok {
				a.complain(&a.finding.Strange, "%d: there was no such thing to %s", r.ID, r.Kind)
				continue
			}
			h = &history{now: old}
			a.told[r.ID] = h
		}
		switch {
		case r.Kind.Deletes():
			h.deleted = h.deleted || !r.Failed()
			h.maybeDeleted = h.maybeDeleted || r.Failed()
		case r.Failed():
			a.sent[r.Content] = sent{id: r.ID, open: true}
			h.open = append(h.open, r.Content)
		default:
			a.sent[r.Content] = sent{id: r.ID}
			h.former = append(h.former, h.now.Content)
			h.now.Content, h.now.Etag = r.Content, r.Etag
		}
	}
}

func (a *auditor) learnCreation(r *load.Record) {
	if r.Failed() {
		a.sent[r.Content] = sent{open: true}
		return
	}
	a.sent[r.Content] = sent{id: r.ID}
	if a.told[r.ID] != nil {
		a.complain(&a.finding.Changed, "%d: another client was told the same id, for %q", r.ID, r.Content)
	}
	a.told[r.ID] = &history{now: Row{Content: r.Content, Etag: r.Etag, Thread: r.Thread, User: r.User}}
}
