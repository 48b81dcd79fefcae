package report

import (
	"fmt"
	"io"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

// A page is what the HTML shows.
type page struct {
	result.Result

	Word, InShort string
	Numbers       []number
	Plots         []*plot
	Rows          []row
	Points        points
}

// A number stands in the row under the verdict.
type number struct{ Name, Value, Sub, Class string }

// A row is a step in the table.
type row struct {
	result.Step

	N, Requests, FailedRequests int
	Longest                     time.Duration
}

// The points are the plot in numbers, for the script that shows what the pointer is at.
type points struct {
	Width  float64  `json:"width"` // ms
	Span   float64  `json:"span"`  // ms
	Points [][6]int `json:"points"`
}

func newPage(r result.Result) page {
	v := r.Verdict
	p := page{Result: r, Word: word(r), InShort: inShort(r)}
	p.Numbers = []number{
		{"Requests", count(v.Requests), fmt.Sprintf("%s reads, %s writes", count(v.Reads), count(v.Writes)), ""},
		{"Failed", count(v.Failed), "sent once, never retried", zero(v.Failed)},
		{"Lost", count(v.Lost), fmt.Sprintf("of %s acknowledged writes", count(v.Acknowledged)), zero(v.Lost)},
		{"Doubled", count(v.Doubled), "in the stores more than once", zero(v.Doubled)},
		{"p50", took(v.P50), "half of all were faster", ""},
		{"p99", took(v.P99), "99 of 100 were faster", ""},
		{"Max", took(v.Max), "the slowest request", ""},
		{"Longest hold", took(v.LongestHold), "while a store changed hands", ""},
	}
	for _, s := range []shape{wide, medium, narrow} {
		p.Plots = append(p.Plots, newPlot(r, s))
	}
	for i, share := range shares(r) {
		p.Rows = append(p.Rows, row{r.Steps[i], i + 1, share.requests, share.failed, share.longest})
	}
	p.Points = newPoints(p.Plots[0])
	return p
}

// zero is the class of a number that is hoped to be 0.
func zero(n int) string {
	if n == 0 {
		return "zero"
	}
	return "many"
}

func newPoints(plot *plot) points {
	p := points{Width: milliseconds(plot.groups[0].width), Span: milliseconds(plot.span)}
	for _, g := range plot.groups {
		p.Points = append(p.Points, [6]int{
			int(g.at.Milliseconds()), int(g.rate()),
			int(g.p50.Microseconds()), int(g.p99.Microseconds()), int(g.max.Microseconds()), g.failed,
		})
	}
	return p
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// word is the verdict.
func word(r result.Result) string {
	if r.Verdict.Pass {
		return "PASS"
	}
	return "FAIL"
}

// Summary writes the verdict and its numbers in a few lines of plain text.
func Summary(w io.Writer, r result.Result) error {
	r = clean(r)
	v := r.Verdict
	_, err := fmt.Fprintf(w, "%s  %s\n      %s requests in %s: %s failed, %s without a target; of %s acknowledged writes %s lost, %s doubled\n      p50 %s, p99 %s, max %s; longest hold %s\n",
		word(r), inShort(r), count(v.Requests), took(r.Took), count(v.Failed), count(v.NoTarget), count(v.Acknowledged), count(v.Lost), count(v.Doubled),
		took(v.P50), took(v.P99), took(v.Max), took(v.LongestHold))
	return err
}
