package audit

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// A world is a board with all that happened to it: nothing wrong.
type world struct {
	records       []load.Record
	before, after Board
	rng           *rand.Rand
	last          int64
	now           time.Duration
	wrote         int
}

func (w *world) etag() string {
	w.last++
	return fmt.Sprintf(`"%d"`, w.last)
}

func (w *world) content() string {
	w.wrote++
	return fmt.Sprintf("content %d", w.wrote)
}

// kinds are the writes of each service.
var kinds = map[string]struct{ create, update load.Kind }{
	load.Users:   {load.CreateUser, load.UpdateUser},
	load.Threads: {load.CreateThread, load.UpdateThread},
	load.Posts:   {load.CreatePost, load.UpdatePost},
}

// newWorld has a load write to a board. One in five writes fails, and half of these
// happen nevertheless.
func newWorld(seed uint64) *world {
	w := &world{
		rng:    rand.New(rand.NewPCG(seed, 0)),
		before: Board{load.Users: {}, load.Threads: {}, load.Posts: {}},
		after:  Board{load.Users: {}, load.Threads: {}, load.Posts: {}},
	}
	services := []string{load.Users, load.Threads, load.Posts, load.Posts, load.Posts}
	for _, service := range services[:3] {
		for range 3 {
			w.last++
			row := Row{Content: w.content(), Etag: w.etag(), User: 1}
			w.before[service][w.last], w.after[service][w.last] = row, row
		}
	}
	own := map[string][]int64{} // what the clients have not lost track of
	for range 300 {
		service := services[w.rng.IntN(len(services))]
		failed := w.rng.IntN(5) == 0
		happens := !failed || w.rng.IntN(2) == 0
		w.now += time.Millisecond
		r := load.Record{Start: w.now, End: w.now + time.Microsecond}
		if failed {
			r.Err = "failed"
		}
		mine := own[service]
		i := 0
		if len(mine) > 0 {
			i = w.rng.IntN(len(mine))
		}
		switch what := w.rng.IntN(10); {
		case what < 5 || len(mine) == 0:
			r.Kind = kinds[service].create
			r.Content, r.User, r.Thread = w.content(), w.rng.Int64N(5), w.rng.Int64N(5)
			if happens {
				w.last++
				row := Row{Content: r.Content, Etag: w.etag(), User: r.User, Thread: r.Thread}
				w.after[service][w.last] = row
				if !failed {
					r.ID, r.Etag = w.last, row.Etag
					own[service] = append(own[service], r.ID)
				}
			}
		case what < 8 || service != load.Posts:
			r.Kind, r.ID, r.Content = kinds[service].update, mine[i], w.content()
			if happens {
				row := w.after[service][r.ID]
				row.Content, row.Etag = r.Content, w.etag()
				w.after[service][r.ID] = row
				if !failed {
					r.Etag = row.Etag
				}
			}
			if failed {
				own[service] = slices.Delete(mine, i, i+1)
			}
		default:
			r.Kind, r.ID = load.DeletePost, mine[i]
			if happens {
				delete(w.after[service], r.ID)
			}
			own[service] = slices.Delete(mine, i, i+1)
		}
		w.records = append(w.records, r, load.Record{Kind: load.GetPost, ID: 1})
	}
	w.rng.Shuffle(len(w.records), func(i, j int) { w.records[i], w.records[j] = w.records[j], w.records[i] })
	return w
}

func (w *world) audit() Finding { return Audit(w.records, w.before, w.after) }

// find gives a write that fits, with the row that it is about, if that is there.
func (w *world) find(fits func(r *load.Record, row Row, there bool) bool) (r *load.Record, rows map[int64]Row) {
	for i := range w.records {
		r := &w.records[i]
		if !r.Kind.Write() {
			continue
		}
		rows := w.after[r.Kind.Service()]
		if row, there := rows[r.ID]; fits(r, row, there) {
			return r, rows
		}
	}
	panic("the world has none")
}

// lasting tells whether a resource has what an acknowledged write told last.
func lasting(r *load.Record, row Row, there bool) bool {
	return !r.Failed() && !r.Kind.Deletes() && there && row.Content == r.Content
}

// certain tells whether that must be so: no deletion failed.
func (w *world) certain(r *load.Record, row Row, there bool) bool {
	return lasting(r, row, there) && !slices.ContainsFunc(w.records, func(d load.Record) bool { return d.Kind.Deletes() && d.ID == r.ID })
}

func TestAuditFindsNothing(t *testing.T) {
	for seed := range uint64(200) {
		w := newWorld(seed)
		f := w.audit()
		if !f.OK() {
			t.Fatalf("seed %d: %s", seed, &f)
		}
		if f.Happened == 0 || f.Open <= f.Happened {
			t.Fatalf("seed %d: of %d writes that failed, %d happened", seed, f.Open, f.Happened)
		}
	}
}

// TestAuditFindsMistakes makes one mistake, and wants just that one found.
func TestAuditFindsMistakes(t *testing.T) {
	isUpdate := func(r *load.Record) bool { return r.Kind.Write() && !r.Kind.Creates() && !r.Kind.Deletes() }
	mistakes := map[string]struct {
		make func(w *world)
		want Finding // with as many in each list
	}{
		"a resource is gone": {func(w *world) {
			r, rows := w.find(w.certain)
			delete(rows, r.ID)
		}, Finding{Lost: make([]string, 1)}},
		"an update is gone": {func(w *world) {
			r, rows := w.find(func(r *load.Record, row Row, there bool) bool { return isUpdate(r) && lasting(r, row, there) })
			i := slices.IndexFunc(w.records, func(c load.Record) bool { return c.Kind == kinds[r.Kind.Service()].create && c.ID == r.ID })
			rows[r.ID] = Row{Content: w.records[i].Content, Etag: "any"}
		}, Finding{Lost: make([]string, 1)}},
		"a resource is there twice": {func(w *world) {
			r, rows := w.find(lasting)
			rows[9999] = rows[r.ID]
		}, Finding{Doubled: make([]string, 1)}},
		"an open write is there twice": {func(w *world) {
			for id, row := range w.after[load.Posts] {
				for _, r := range w.records {
					if r.Kind == load.CreatePost && r.Failed() && r.Content == row.Content && id < 9999 {
						w.after[load.Posts][9999] = row
					}
				}
			}
		}, Finding{Doubled: make([]string, 1)}},
		"a post was there twice and one was deleted": {func(w *world) {
			r, rows := w.find(func(r *load.Record, _ Row, there bool) bool {
				return r.Kind == load.CreatePost && !r.Failed() && !there
			})
			rows[9999] = Row{Content: r.Content, Etag: "any", User: r.User, Thread: r.Thread}
		}, Finding{Doubled: make([]string, 1)}},
		"a resource was there twice and one was updated": {func(w *world) {
			r, rows := w.find(func(r *load.Record, row Row, there bool) bool {
				return r.Kind.Creates() && !r.Failed() && there && row.Content != r.Content
			})
			rows[9999] = Row{Content: r.Content, Etag: "any", User: r.User, Thread: r.Thread}
		}, Finding{Doubled: make([]string, 1)}},
		"another content": {func(w *world) {
			r, rows := w.find(lasting)
			rows[r.ID] = Row{Content: "never sent", Etag: r.Etag, User: rows[r.ID].User, Thread: rows[r.ID].Thread}
		}, Finding{Changed: make([]string, 1)}},
		"another etag": {func(w *world) {
			r, rows := w.find(lasting)
			row := rows[r.ID]
			row.Etag = "another"
			rows[r.ID] = row
		}, Finding{Changed: make([]string, 1)}},
		"another thread": {func(w *world) {
			r, rows := w.find(lasting)
			row := rows[r.ID]
			row.Thread += 7
			rows[r.ID] = row
		}, Finding{Changed: make([]string, 1)}},
		"another id": {func(w *world) {
			r, rows := w.find(w.certain)
			rows[9999] = rows[r.ID]
			delete(rows, r.ID)
		}, Finding{Changed: make([]string, 1)}},
		"an id told twice": {func(w *world) {
			// One of the two is not there: that is found, too.
			a, _ := w.find(func(r *load.Record, row Row, there bool) bool {
				return r.Kind == load.CreatePost && lasting(r, row, there)
			})
			b := *a
			a.Content, a.End = "another's", a.End-1
			b.End++
			w.records = append(w.records, b)
		}, Finding{Changed: make([]string, 1)}},
		"a deleted post is back": {func(w *world) {
			r, rows := w.find(func(r *load.Record, _ Row, _ bool) bool { return r.Kind.Deletes() && !r.Failed() })
			i := slices.IndexFunc(w.records, func(c load.Record) bool { return c.Kind.Creates() && c.ID == r.ID })
			rows[r.ID] = Row{Content: w.records[i].Content}
		}, Finding{Changed: make([]string, 1)}},
		"nobody wrote it": {func(w *world) {
			w.after[load.Threads][9999] = Row{Content: "never sent"}
		}, Finding{Strange: make([]string, 1)}},
		"nobody wrote them": {func(w *world) {
			w.after[load.Threads][9998] = Row{Content: "never sent"}
			w.after[load.Threads][9999] = Row{Content: "never sent"}
		}, Finding{Strange: make([]string, 2)}},
		"what was there before is gone": {func(w *world) {
			delete(w.after[load.Users], slices.Min(slices.Collect(maps.Keys(w.before[load.Users]))))
		}, Finding{Lost: make([]string, 1)}},
		"what was there before is changed": {func(w *world) {
			w.after[load.Users][slices.Min(slices.Collect(maps.Keys(w.before[load.Users])))] = Row{Content: "never sent"}
		}, Finding{Changed: make([]string, 1)}},
	}
	for name, mistake := range mistakes {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(50) {
				w := newWorld(seed)
				mistake.make(w)
				f := w.audit()
				if f.OK() || len(f.Lost) != len(mistake.want.Lost) || len(f.Doubled) != len(mistake.want.Doubled) ||
					len(f.Changed) != len(mistake.want.Changed) || len(f.Strange) != len(mistake.want.Strange) {
					t.Fatalf("seed %d: %s", seed, &f)
				}
			}
		})
	}
}

// TestUpdateOfOld has a client change what was there before.
func TestUpdateOfOld(t *testing.T) {
	old := Row{Content: "old", Etag: "1", User: 3}
	records := []load.Record{{Kind: load.UpdateThread, ID: 7, Content: "new", Etag: "2"}}
	before := Board{load.Threads: {7: old}}
	for _, test := range []struct {
		row  Row
		want string
	}{
		{Row{Content: "new", Etag: "2", User: 3}, "lost: 0, doubled: 0, changed: 0, strange: 0, of 0 writes that failed, 0 happened"},
		{old, `lost: 1 (threads 7: "new": there still is "old"), doubled: 0, changed: 0, strange: 0, of 0 writes that failed, 0 happened`},
	} {
		f := Audit(records, before, Board{load.Threads: {7: test.row}})
		if f.String() != test.want {
			t.Errorf("got  %s\nwant %s", &f, test.want)
		}
	}
	f := Audit(records, nil, Board{load.Threads: {7: old}})
	if len(f.Strange) != 2 {
		t.Errorf("what nobody created was changed: %s", &f)
	}
}
