package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h histogram
	if h.quantile(0.5) != 0 {
		t.Error("nothing has a median")
	}
	var exact []time.Duration
	for range 20_000 {
		// Of all sizes, from a microsecond to a minute.
		d := time.Duration(1<<rng.IntN(26)+rng.IntN(100)) * time.Microsecond
		exact = append(exact, d)
		h.add(d)
	}
	slices.Sort(exact)
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999} {
		want := exact[int(q*float64(len(exact)))]
		got := h.quantile(q)
		if off := (got - want).Abs(); off > time.Microsecond && float64(off) > 0.03*float64(want) {
			t.Errorf("quantile %g is %v, want %v", q, got, want)
		}
	}
	if h.quantile(1) != exact[len(exact)-1] || h.max != exact[len(exact)-1] {
		t.Errorf("the longest is %v, want %v", h.quantile(1), exact[len(exact)-1])
	}
	var extreme histogram
	extreme.add(-time.Second)
	extreme.add(time.Hour)
	if extreme.quantile(0) != 0 || extreme.quantile(1) != time.Hour {
		t.Errorf("got %v and %v", extreme.quantile(0), extreme.quantile(1))
	}
}

func TestMeter(t *testing.T) {
	var m meter
	at := func(end time.Duration, k Kind, err string, noTarget bool) {
		m.record(&Record{Kind: k, Due: end - 10*time.Millisecond, End: end, Err: err, NoTarget: noTarget})
	}
	at(50*time.Millisecond, CreatePost, "", false)
	at(60*time.Millisecond, GetPost, "503", true)
	at(350*time.Millisecond, DeletePost, "EOF", false)
	// One that was measured before, and is counted after.
	at(99*time.Millisecond, GetPost, "", false)
	buckets := m.over(500 * time.Millisecond)
	if len(buckets) != 5 {
		t.Fatalf("there are %d buckets", len(buckets))
	}
	for i, want := range []struct{ requests, failed, noTarget int }{{2, 1, 1}, {}, {}, {2, 1, 0}, {}} {
		if b := buckets[i]; b.Requests != want.requests || b.Failed != want.failed || b.NoTarget != want.noTarget || b.At != time.Duration(i)*slice {
			t.Errorf("bucket %d is %+v, want %v", i, b, want)
		}
	}
	if b := buckets[0]; b.Max != 10*time.Millisecond || b.P99 != b.Max || b.P50 < 9*time.Millisecond {
		t.Errorf("the first bucket is %+v", b)
	}
	f := m.total()
	f.P50, f.P99 = 0, 0
	if want := (Figures{Requests: 4, Reads: 2, Writes: 2, Acknowledged: 1, Failed: 2, NoTarget: 1, Max: 10 * time.Millisecond}); f != want {
		t.Errorf("got %+v, want %+v", f, want)
	}
}
