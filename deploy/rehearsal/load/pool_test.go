package load

import (
	"context"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// runUntil runs a pool until enough tells that it is.
func runUntil(t *testing.T, p *Pool, enough func() bool) []Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() {
		p.Run(ctx)
		close(done)
	}()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !enough() {
		select {
		case <-look.C:
		case <-done:
			t.Fatalf("it was never enough: %+v", p.Figures())
		}
	}
	cancel()
	<-done
	return p.Records()
}

// run runs a pool until it has made so many requests.
func run(t *testing.T, p *Pool, requests int) []Record {
	t.Helper()
	return runUntil(t, p, func() bool { return p.Figures().Requests >= requests })
}

func TestShares(t *testing.T) {
	if len(writes) != 100 || len(reads) != 100 {
		t.Errorf("there are %d writes and %d reads, want 100 of each", len(writes), len(reads))
	}
}

func TestRecordIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Record{}); size > 200 {
		t.Errorf("a record has %d bytes", size)
	}
}

// TestLoad runs a load where nothing goes wrong, and holds the records against what the
// board has seen.
func TestLoad(t *testing.T) {
	b := newFakeBoard(t)
	p := New(b.config())
	if f := p.Figures(); f != (Figures{}) || len(p.Buckets()) != 0 || !p.Began().IsZero() {
		t.Errorf("before it runs: %v", f)
	}
	before := time.Now()
	records := run(t, p, 5000)
	if b.asked != len(records) {
		t.Errorf("the board was asked %d times, and %d requests are recorded", b.asked, len(records))
	}
	if at := p.Began(); at.Before(before) || at.After(time.Now()) {
		t.Errorf("it began at %v", at)
	}
	seen := map[Kind]map[bool]int{}
	rest, written := 0, map[string]bool{}
	for _, r := range records {
		if seen[r.Kind] == nil {
			seen[r.Kind] = map[bool]int{}
		}
		seen[r.Kind][r.REST]++
		if r.REST {
			rest++
		}
		if r.Failed() {
			t.Fatalf("a request failed: %+v", r)
		}
		if r.Due > r.Start || r.Start > r.End || r.Via == "" || r.ID < 1 {
			t.Fatalf("a record is odd: %+v", r)
		}
		if r.Kind.Write() != (r.Key != "") || r.Kind.Write() && b.keys[r.Key] != 1 {
			t.Fatalf("the key of %+v came in %d times", r, b.keys[r.Key])
		}
		if !r.Kind.Write() || r.Kind.Deletes() {
			continue
		}
		if written[r.Content] || b.wrote[r.Content] != 1 || len(r.Content) > 32 || r.Etag == "" {
			t.Fatalf("%+v is not the only one to write this: it came in %d times", r, b.wrote[r.Content])
		}
		written[r.Content] = true
	}
	for k := range Kind(len(kinds)) {
		if seen[k][false] == 0 || seen[k][true] == 0 {
			t.Errorf("to %s was asked %d times over REST and %d times over gRPC", k, seen[k][true], seen[k][false])
		}
	}
	f := p.Figures()
	if f.Requests != len(records) || f.Reads+f.Writes != f.Requests || f.Acknowledged != f.Writes || f.Failed != 0 {
		t.Errorf("the figures are %+v", f)
	}
	if share := float64(f.Writes) / float64(f.Requests); share < 0.25 || share > 0.35 {
		t.Errorf("%g of the requests write", share)
	}
	if share := float64(rest) / float64(f.Requests); share < 0.4 || share > 0.6 {
		t.Errorf("%g of the requests are over REST", share)
	}
	sum := 0
	for _, bucket := range p.Buckets() {
		sum += bucket.Requests
	}
	if sum > f.Requests || sum < f.Requests/2 {
		t.Errorf("the buckets have %d of %d requests", sum, f.Requests)
	}
}

func TestWithoutKeys(t *testing.T) {
	b := newFakeBoard(t)
	c := b.config()
	c.Keys = false
	for _, r := range run(t, New(c), 500) {
		if r.Key != "" {
			t.Fatalf("%+v has a key", r)
		}
	}
	if len(b.keys) > 0 {
		t.Errorf("%d keys came in", len(b.keys))
	}
}

// TestFailures has a board that breaks connections and refuses: whatever happens, no
// request comes in twice, and each failure is recorded.
func TestFailures(t *testing.T) {
	b := newFakeBoard(t)
	faults := map[fault]int{}
	b.broken = func(n int) fault {
		f := none
		if n > 200 && n%10 == 0 {
			f = []fault{silent, last, refuse, nowhere}[n/10%4]
		}
		faults[f]++
		return f
	}
	p := New(b.config())
	records := run(t, p, 5000)
	if b.asked != len(records) {
		t.Errorf("the board was asked %d times, and %d requests are recorded", b.asked, len(records))
	}
	for content, n := range b.wrote {
		if n != 1 {
			t.Errorf("%q came in %d times", content, n)
		}
	}
	failed, noTarget, broken := 0, 0, 0
	for _, r := range records {
		if !r.Failed() {
			continue
		}
		failed++
		if r.REST && r.Code == 0 {
			broken++
		}
		if r.NoTarget {
			noTarget++
			if r.Code != 503 {
				t.Errorf("it has no target: %+v", r)
			}
		}
		if strings.Contains(r.Err, "127.0.0.1") {
			t.Errorf("an error has an address, which differs each time: %s", r.Err)
		}
	}
	if want := faults[silent] + faults[refuse] + faults[nowhere]; failed != want {
		t.Errorf("%d requests failed, want %d", failed, want)
	}
	if noTarget == 0 || noTarget >= faults[nowhere] || broken == 0 || broken >= faults[silent] {
		t.Errorf("%d had no target, %d had no answer, over REST; of %v faults", noTarget, broken, faults)
	}
	if f := p.Figures(); f.Failed != failed || f.NoTarget != noTarget {
		t.Errorf("the figures are %+v", f)
	}
}

// TestStaleAnswers has a board that tells of a state that is not the last.
func TestStaleAnswers(t *testing.T) {
	b := newFakeBoard(t)
	p := New(b.config())
	b.broken = func(n int) fault {
		if n > 200 {
			return stale
		}
		return none
	}
	runUntil(t, p, func() bool { return p.Figures().Failed > 0 })
	for _, r := range p.Records() {
		if r.Failed() && !strings.HasPrefix(r.Err, "stale: ") {
			t.Errorf("failed otherwise: %+v", r)
		}
	}
}

// TestMove changes the addresses under way.
func TestMove(t *testing.T) {
	b := newFakeBoard(t)
	p := New(b.config())
	moved := false
	records := runUntil(t, p, func() bool {
		n := p.Figures().Requests
		if n > 1000 && !moved {
			b.serve(t)
			moved = true
		}
		return n > 3000
	})
	via := map[string]int{}
	for _, r := range records {
		if r.Failed() {
			t.Fatalf("a request failed: %+v", r)
		}
		via[r.Via]++
	}
	if len(via) != 4 || via[b.rest] < 100 || via[b.grpc] < 100 {
		t.Errorf("requests went to %v", via)
	}
}

// TestNoAddress has no address for RPCs.
func TestNoAddress(t *testing.T) {
	c := newFakeBoard(t).config()
	c.GRPC = func(string) string { return "" }
	for _, r := range run(t, New(c), 500) {
		if r.Failed() == r.REST || r.NoTarget == r.REST {
			t.Fatalf("%+v", r)
		}
	}
}

// TestSchedule halts a board for a while: what was due meanwhile was late, though no
// client could send it.
func TestSchedule(t *testing.T) {
	const rate, halt = 400, 300 * time.Millisecond
	late := func(rate float64) (n int, records []Record) {
		b := newFakeBoard(t)
		halted := false
		b.broken = func(n int) fault {
			if n > 100 && !halted {
				halted = true
				<-time.After(halt) // with the board locked
			}
			return none
		}
		c := b.config()
		c.Clients, c.Rate = 4, rate
		records = run(t, New(c), 400)
		for _, r := range records {
			if r.Failed() {
				t.Fatalf("a request failed: %+v", r)
			}
			if r.Latency() > halt/3 {
				n++
			}
		}
		return n, records
	}
	n, records := late(rate)
	// Two thirds of what was due within the halt, as all that is late for a shorter time
	// is not counted.
	if want := int(rate * halt.Seconds() * 2 / 3); n < want*9/10 {
		t.Errorf("%d requests were late, want %d", n, want)
	}
	// None was left out, but for those that the clients waited for when it ended.
	var last time.Duration
	for _, r := range records {
		last = max(last, r.Due)
	}
	if due := int(last.Seconds()*rate+0.5) + 1; len(records) < due-4 {
		t.Errorf("%d requests were made, %d were due", len(records), due)
	}
	// The control: clients that wait for their answers see little more than the four.
	if few, _ := late(0); few > n/2 {
		t.Errorf("%d requests of 4 clients were late, of those that wait; %d of those that do not", few, n)
	}
}
