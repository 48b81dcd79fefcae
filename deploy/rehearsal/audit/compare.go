package audit

import (
	"maps"
	"slices"
)

// searchContents looks at each content that the load has brought onto the board.
func (a *auditor) searchContents() {
	places := map[string][]int64{}
	for _, id := range slices.Sorted(maps.Keys(a.after)) {
		content := a.after[id].Content
		if old, ok := a.before[id]; !ok || content != old.Content {
			places[content] = append(places[content], id)
		}
	}
	for content, ids := range places {
		s, known := a.sent[content]
		if s.open {
			a.finding.Happened++
		}
		switch {
		case !known:
			for _, id := range ids {
				// Where it stands in the place of something else, that is found below.
				if _, old := a.before[id]; a.told[id] == nil && !old {
					a.complain(&a.finding.Strange, "%d: %q", id, content)
				}
			}
		case len(ids) > 1:
			a.complain(&a.finding.Doubled, "%d: %q", ids, content)
		case s.id != 0 && s.id != ids[0]:
			h := a.told[s.id]
			if _, there := a.after[s.id]; !there && !h.deleted && !h.maybeDeleted {
				h.elsewhere = ids[0]
				continue
			}
			// The other one has been changed or deleted since.
			a.complain(&a.finding.Doubled, "%d: %q, which was %d", ids[0], content, s.id)
		}
	}
}

// compareResources looks at each resource that clients have written.
func (a *auditor) compareResources() {
	for id, h := range a.told {
		row, there := a.after[id]
		switch {
		case h.elsewhere != 0:
			a.complain(&a.finding.Changed, "%d: %q: a client was told that it is %d", h.elsewhere, h.now.Content, id)
		case !there && !h.deleted && !h.maybeDeleted:
			a.complain(&a.finding.Lost, "%d: %q", id, h.now.Content)
		case !there:
		case h.deleted:
			a.complain(&a.finding.Changed, "%d: %q is there, and was deleted", id, row.Content)
		case row.Content == h.now.Content:
			if row != h.now {
				a.complain(&a.finding.Changed, "%d: %+v: a client was told %+v", id, row, h.now)
			}
		case slices.Contains(h.former, row.Content):
			a.complain(&a.finding.Lost, "%d: %q: there still is %q", id, h.now.Content, row.Content)
		case !slices.Contains(h.open, row.Content) || row.Thread != h.now.Thread || row.User != h.now.User:
			a.complain(&a.finding.Changed, "%d: %+v: a client was told %+v", id, row, h.now)
		}
	}
}

// compareOld looks at what was there before and nobody has touched.
func (a *auditor) compareOld() {
	for id, old := range a.before {
		if a.told[id] != nil {
			continue
		}
		if row, there := a.after[id]; !there {
			a.complain(&a.finding.Lost, "%d: %q, which was there before", id, old.Content)
		} else if row != old {
			a.complain(&a.finding.Changed, "%d: %+v: before, it was %+v", id, row, old)
		}
	}
}
