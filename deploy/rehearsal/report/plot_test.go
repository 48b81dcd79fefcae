package report

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

// TestGroupsLoseNothing folds many buckets into few: every request and failure is still
// counted, and every spike still there.
func TestGroupsLoseNothing(t *testing.T) {
	r := sample(300 * time.Second)
	r.Buckets[1234] = result.Bucket{At: r.Buckets[1234].At, Requests: 3, Failed: 2, NoTarget: 1, P50: time.Second, P99: 2 * time.Second, Max: 3 * time.Second}
	for _, most := range []int{1, 7, 340, 2999, 3000, 5000} {
		got := groups(r.Buckets, span(r), most)
		if len(got) > min(most, 3000) {
			t.Errorf("most %d: %d groups", most, len(got))
		}
		var sum, want group
		for _, g := range got {
			sum.requests, sum.failed, sum.noTarget = sum.requests+g.requests, sum.failed+g.failed, sum.noTarget+g.noTarget
			sum.p50, sum.p99, sum.max = max(sum.p50, g.p50), max(sum.p99, g.p99), max(sum.max, g.max)
		}
		for _, b := range r.Buckets {
			want.requests += b.Requests
		}
		want.failed, want.noTarget, want.p50, want.p99, want.max = 2, 1, time.Second, 2*time.Second, 3*time.Second
		if sum != want {
			t.Errorf("most %d: %+v, want %+v", most, sum, want)
		}
	}
}

func TestShares(t *testing.T) {
	r := result.Result{
		Took:  time.Second,
		Steps: []result.Step{{At: 210 * ms}, {At: 250 * ms}, {At: 600 * ms}},
		Buckets: []result.Bucket{
			{At: 100 * ms, Requests: 1, Max: 9 * ms},
			{At: 200 * ms, Requests: 10, Failed: 1, Max: 3 * ms},
			{At: 500 * ms, Requests: 100, Max: 5 * ms},
			{At: 600 * ms, Requests: 1000, Failed: 2, Max: 4 * ms},
			{At: 900 * ms, Requests: 10000, Max: 7 * ms},
		},
	}
	want := []share{{10, 1, 3 * ms}, {110, 1, 5 * ms}, {11000, 2, 7 * ms}}
	if got := shares(r); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestNothingOverlaps looks at every plot's markers and labels.
func TestNothingOverlaps(t *testing.T) {
	results := shapesOfResults()
	results["sample"] = sample(time.Minute)
	for name, r := range results {
		for _, s := range []shape{wide, medium, narrow, picture} {
			p := newPlot(clean(r), s)
			for i, a := range p.Markers {
				if a.X < 0 || a.X > p.Width || a.Y < 10 || a.Y > p.Height-10 {
					t.Errorf("%s, %s: marker %d at %s, %s is outside", name, s.id, a.N, a.X, a.Y)
				}
				for _, b := range p.Markers[:i] {
					if math.Hypot(float64(a.X-b.X), float64(a.Y-b.Y)) < 20 {
						t.Errorf("%s, %s: markers %d and %d overlap", name, s.id, a.N, b.N)
					}
				}
			}
			for i, a := range p.Labels {
				if a.X < 0 || a.X > p.Width || a.Y < 0 || a.Y > p.Height {
					t.Errorf("%s, %s: label %q at %s, %s is outside", name, s.id, a.Text, a.X, a.Y)
				}
				for _, b := range p.Labels[:i] {
					if overlap(a, b) {
						t.Errorf("%s, %s: labels %q and %q overlap", name, s.id, a.Text, b.Text)
					}
				}
			}
		}
	}
}

// overlap says whether two labels share room, as far as one can tell without a font.
func overlap(a, b label) bool {
	from := func(l label) (px, px) {
		w := textWidth(l.Text, 11)
		switch l.Anchor {
		case "end":
			return l.X - w, l.X
		case "middle":
			return l.X - w/2, l.X + w/2
		}
		return l.X, l.X + w
	}
	a0, a1 := from(a)
	b0, b1 := from(b)
	return a0 < b1 && b0 < a1 && math.Abs(float64(a.Y-b.Y)) < 10
}

func TestOwnersLanes(t *testing.T) {
	r := sample(time.Minute)
	r.Owners = append(r.Owners, result.Ownership{Store: "users", Instance: "blink", Binary: "users", From: 59 * time.Second, To: 59*time.Second + ms})
	p := newPlot(r, wide)
	if len(p.Segments) != 10 {
		t.Fatalf("%d segments, want 10", len(p.Segments))
	}
	for _, s := range p.Segments {
		if s.W < 1.5 {
			t.Errorf("%q is %s wide: nobody sees it", s.Title, s.W)
		}
	}
	first, last := p.Segments[0], p.Segments[2]
	if first.X != p.Left || last.X+last.W != p.Right || first.Class != "monolith" || first.Text != "monolith 4f2a91" {
		t.Errorf("users begin with %+v and end with %+v; want the monolith from edge to edge", first, last)
	}
	if want := "users: users b81d02e6aa10, epoch 2, from 25.2 s to 40.8 s"; p.Segments[1].Title != want {
		t.Errorf("title %q, want %q", p.Segments[1].Title, want)
	}
}

// TestLatencyGaps has a line broken where nothing was sent, and a dash for a lone group.
func TestLatencyGaps(t *testing.T) {
	b := func(at time.Duration) result.Bucket {
		return result.Bucket{At: at, Requests: 1, P50: ms, P99: ms, Max: ms}
	}
	p := newPlot(result.Result{Took: time.Second, Buckets: []result.Bucket{b(0), b(100 * ms), b(500 * ms), b(900 * ms)}}, wide)
	d := p.Paths[len(p.Paths)-1].D
	if strings.Count(d, "M") != 3 || strings.Count(d, "L") != 1 || strings.Count(d, "h6") != 2 {
		t.Errorf("p50 is %q; want one stroke and two dashes", d)
	}
}

func TestSpread(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		points := make([]float64, random.IntN(30))
		for i := range points {
			points[i] = random.Float64() * 500
		}
		slices.Sort(points)
		const apart, low, high = 24, 50, 450
		got := spread(points, apart, low, high)
		room := min(apart, (high-low)/math.Max(1, float64(len(points)-1)))
		for i, x := range got {
			if x < low-1e-6 || x > high+1e-6 || i > 0 && x-got[i-1] < room-1e-6 {
				t.Fatalf("%v became %v", points, got)
			}
		}
	}
	for _, c := range []struct{ points, want []float64 }{
		{nil, nil},
		{[]float64{60, 100, 449}, []float64{60, 100, 449}}, // there is room: nothing moves
		{[]float64{100, 100}, []float64{88, 112}},
		{[]float64{0, 0, 200}, []float64{50, 74, 200}},
		{[]float64{450, 450}, []float64{426, 450}},
	} {
		if got := spread(c.points, 24, 50, 450); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.points, got, c.want)
		}
	}
}
