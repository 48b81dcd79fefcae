package store

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"
)

// TestStoreIsAMap holds a store against maps, through random batches of changes that
// succeed, fail, panic and repeat their keys, failed commits, closed gates, and reopening
// by the same process and by another one.
func TestStoreIsAMap(t *testing.T) {
	dir, runs := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		m := &machine{
			t: t, now: newClock(),
			model: model{rows: map[string]string{}, next: map[string]uint64{}, answers: map[string]remembered{}},
		}
		path := filepath.Join(dir, strconv.Itoa(runs))
		m.s, m.other = m.newStore(path), m.newStore(path)
		m.open()
		defer m.close()
		rt.Repeat(map[string]func(*rapid.T){
			"batch":       func(rt *rapid.T) { m.batch(rt, false) },
			"full disk":   func(rt *rapid.T) { m.batch(rt, true) },
			"time passes": func(rt *rapid.T) { m.now.advance(time.Duration(rapid.IntRange(0, 13).Draw(rt, "hours")) * time.Hour) },
			"reopen":      func(*rapid.T) { m.close(); m.open() },
			"move":        func(*rapid.T) { m.close(); m.s, m.other = m.other, m.s; m.open() },
			"hand over":   m.handOver,
			"":            m.compare,
		})
	})
}

// model is what the store should hold.
type model struct {
	rows     map[string]string // by bucket and key
	next     map[string]uint64 // by bucket
	answers  map[string]remembered
	sequence uint64
}

type remembered struct {
	request, answer string
	expiry          time.Time
}

func (m *model) clone() model {
	return model{maps.Clone(m.rows), maps.Clone(m.next), maps.Clone(m.answers), m.sequence}
}

// A step is one call on a Tx.
type step struct {
	kind        string
	bucket, key string
	value       string
	id          int64
}

// A plan is one call of Mutate.
type plan struct {
	key, request string
	steps        []step
	ending       string
}

var stepGen = rapid.Custom(func(rt *rapid.T) step {
	return step{
		kind:   rapid.SampledFrom([]string{"put", "put", "put", "delete", "next", "set"}).Draw(rt, "kind"),
		bucket: string(rapid.SampledFrom([][]byte{itemsBucket, rowsBucket}).Draw(rt, "bucket")),
		key:    rapid.StringMatching(`[a-d]{1,2}`).Draw(rt, "key"),
		value:  strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 2, 500, 5000}).Draw(rt, "length")) + rapid.StringN(0, 2, -1).Draw(rt, "value"),
		id:     rapid.Int64Range(0, 40).Draw(rt, "id"),
	}
})

var planGen = rapid.Custom(func(rt *rapid.T) plan {
	return plan{
		key:     rapid.SampledFrom([]string{"", "", "k1", "k2", "k3"}).Draw(rt, "idempotency key"),
		request: rapid.SampledFrom([]string{"x", "x", "y"}).Draw(rt, "request"),
		steps:   rapid.SliceOfN(stepGen, 0, 8).Draw(rt, "steps"),
		ending:  rapid.SampledFrom([]string{"well", "well", "well", "error", "panic"}).Draw(rt, "ending"),
	}
})

// apply does to a store what the plan says.
func (p plan) apply(tx *Tx) (*wrapperspb.StringValue, error) {
	answer := strconv.FormatUint(tx.Sequence(), 10)
	for _, s := range p.steps {
		var err error
		switch s.kind {
		case "put":
			err = tx.Put([]byte(s.bucket), []byte(s.key), []byte(s.value))
		case "delete":
			err = tx.Delete([]byte(s.bucket), []byte(s.key))
		case "next":
			var id int64
			id, err = tx.NextID([]byte(s.bucket))
			answer += fmt.Sprint(" ", id)
		case "set":
			err = tx.SetNextID([]byte(s.bucket), s.id)
		}
		if err != nil {
			return nil, err
		}
	}
	switch p.ending {
	case "error":
		return nil, errRefused
	case "panic":
		panic(errRefused)
	}
	return wrapperspb.String(answer), nil
}

// apply does to the model what the plan says, and gives what Mutate should.
func (m *model) apply(p plan, now time.Time) (answer, failure string) {
	if r, ok := m.answers[p.key]; ok && r.expiry.After(now) {
		if r.request != p.request {
			return "", "key reused"
		}
		return r.answer, ""
	}
	if p.ending != "well" {
		return "", p.ending
	}
	wrote := p.key != ""
	answer = strconv.FormatUint(m.sequence+1, 10)
	for _, s := range p.steps {
		at := s.bucket + "/" + s.key
		switch s.kind {
		case "put":
			m.rows[at] = s.value
			wrote = true
		case "delete":
			_, found := m.rows[at]
			wrote = wrote || found
			delete(m.rows, at)
		case "next":
			m.next[s.bucket]++
			answer += fmt.Sprint(" ", m.next[s.bucket])
			wrote = true
		case "set":
			wrote = wrote || uint64(s.id) > m.next[s.bucket]
			m.next[s.bucket] = max(m.next[s.bucket], uint64(s.id))
		}
	}
	if wrote {
		m.sequence++
	}
	if p.key != "" {
		m.answers[p.key] = remembered{p.request, answer, now.Add(KeyLifetime)}
	}
	return answer, ""
}

type machine struct {
	t     *testing.T
	now   *clock
	s     *Store // the one that is open
	other *Store // of the same file
	epoch uint64
	model model
}

func (m *machine) newStore(path string) *Store {
	return New(path, testSchema, Options{Now: m.now.now, Fatal: func(err error) { m.t.Errorf("Fatal was called: %v", err) }})
}

func (m *machine) open() {
	reopen(m.t, m.s)
	m.s.file.db.NoSync = true // the machine does not crash here, and there are many commits
	m.epoch++
}

func (m *machine) close() {
	closeStore(m.t, m.s)
	wantSound(m.t, m.s.path, testSchema)
}

// handOver moves the store to the other Store as two processes do, or stops before the
// file is closed.
func (m *machine) handOver(rt *rapid.T) {
	shut(m.t, m.s)
	if err := do(m.t.Context(), m.s, put("late", "v")); !errors.Is(err, ErrClosed) {
		rt.Errorf("behind the gate Mutate = %v", err)
	}
	told := positionOf(m.t, m.s)
	h := Handoff{From: "a", To: "b", Time: m.now.now().UTC(), Epoch: m.epoch}
	if err := m.s.RecordHandoff(h); err != nil {
		rt.Fatal(err)
	}
	if rapid.Bool().Draw(rt, "abort") {
		m.s.OpenGate()
		return
	}
	m.close()
	m.s, m.other = m.other, m.s
	m.open()
	told.Epoch++
	if got := positionOf(m.t, m.s); got != told {
		rt.Errorf("handed over at %+v, taken over at %+v", told, got)
	}
	if info, err := m.s.Info(); err != nil || info.LastHandoff != h {
		rt.Errorf("LastHandoff = %+v, %v; want %+v", info.LastHandoff, err, h)
	}
}

// batch runs changes in one transaction, which finds no room if full.
func (m *machine) batch(rt *rapid.T, full bool) {
	plans := rapid.SliceOfN(planGen, 1, 6).Draw(rt, "changes")
	now := m.now.now()
	after := m.model.clone()
	if full {
		failOnce(m.s, writeError(syscall.ENOSPC))
	}
	h := hold(m.t, m.s)
	results := make([]string, len(plans))
	for i, p := range plans {
		h.start(func() {
			ctx := m.t.Context()
			if p.key != "" {
				ctx = WithIdempotencyKey(ctx, p.key)
			}
			answer, err := Mutate(ctx, m.s, "/test/Plan", wrapperspb.String(p.request), p.apply)
			results[i] = result(answer.GetValue(), err)
		})
	}
	h.letGo()
	dirty := false
	for i, p := range plans {
		before := after.sequence
		answer, failure := after.apply(p, now)
		dirty = dirty || after.sequence > before
		if want := answer + failure; results[i] != want && !full {
			rt.Fatalf("change %d gave %q, want %q", i, results[i], want)
		}
	}
	m.s.commit = (*bbolt.Tx).Commit
	if !full {
		m.model = after
		return
	}
	for i, got := range results {
		if dirty && got != "full" {
			rt.Fatalf("on a full disk change %d gave %q", i, got)
		}
	}
}

func result(answer string, err error) string {
	switch {
	case err == nil:
		return answer
	case errors.Is(err, ErrKeyReused):
		return "key reused"
	case errors.Is(err, ErrFull):
		return "full"
	case errors.Is(err, errRefused):
		return "error"
	case strings.HasPrefix(err.Error(), "panic in a change: "+errRefused.Error()):
		return "panic"
	}
	return err.Error()
}

// compare holds the store against the model.
func (m *machine) compare(rt *rapid.T) {
	info, err := m.s.Info()
	if err != nil {
		rt.Fatal(err)
	}
	if info.Epoch != m.epoch || info.Sequence != m.model.sequence || m.s.Sequence() != m.model.sequence {
		rt.Fatalf("epoch %d, sequence %d (%d); want %d and %d", info.Epoch, info.Sequence, m.s.Sequence(), m.epoch, m.model.sequence)
	}
	if err := m.s.View(func(tx *bbolt.Tx) error {
		sum, err := sumRows(tx)
		if sum != info.Checksum || sum != m.s.file.checksum {
			rt.Errorf("the rows sum to %x; meta has %x, the store %x", sum, info.Checksum, m.s.file.checksum)
		}
		rows := make(map[string]string)
		for _, name := range [][]byte{itemsBucket, rowsBucket} {
			b := tx.Bucket(name)
			if got, want := b.Sequence(), m.model.next[string(name)]; got != want {
				rt.Errorf("the next id of %s is %d, want %d", name, got, want)
			}
			err = errors.Join(err, b.ForEach(func(k, v []byte) error {
				rows[string(name)+"/"+string(k)] = string(v)
				return nil
			}))
		}
		if !maps.Equal(rows, m.model.rows) {
			rt.Errorf("the rows are\n%q\nwant\n%q", rows, m.model.rows)
		}
		return err
	}); err != nil {
		rt.Fatal(err)
	}
}
