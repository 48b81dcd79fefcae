package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

// A shape says how the plot is laid out. Lengths are in pixels at its own width.
type shape struct {
	id                 string
	width, left, right float64
	alone              bool // with its own background, verdict and names of the steps
}

// A px is a length in the picture, written to a tenth.
type px float64

func (p px) String() string { return strconv.FormatFloat(math.Round(float64(p)*10)/10, 'f', -1, 64) }

// What the template draws.
type (
	label struct {
		X, Y          px
		Class, Anchor string
		Text          string
	}
	line struct {
		X1, Y1, X2, Y2 px
		Class          string
	}
	path struct{ Class, D string }
	box  struct {
		X, Y, W, H         px
		Class, Text, Title string
	}
	marker struct {
		N     int
		X, Y  px
		Class string
		D     string // from the marker down to its time
		Title string
	}
)

// TextX and TextY are where the text in a box begins.
func (b box) TextX() px { return b.X + 7 }

func (b box) TextY() px { return b.Y + b.H/2 + 4 }

// TextY is where the number in a marker stands.
func (m marker) TextY() px { return m.Y + 4 }

// A plot is the picture, laid out.
type plot struct {
	ID, Title, Desc string
	Width, Height   px
	Left, Right     px // of the time axis
	Top, Bottom     px // of what is on it
	Alone           bool
	Pass            bool

	Bands, Lanes, Segments []box
	Grid, Ticks            []line
	Labels                 []label
	Paths                  []path
	Markers                []marker

	r      result.Result
	span   time.Duration
	groups []group
	y      float64 // where the next panel begins
}

// CardWidth and CardHeight are those of the background, inside its own outline.
func (p *plot) CardWidth() px { return p.Width - 1 }

func (p *plot) CardHeight() px { return p.Height - 1 }

// Heights, from the top of one thing to the top of the next.
const (
	markerRow = 26
	headRow   = 24
	panelGap  = 22
	rateRow   = 92
	tookRow   = 176
	laneRow   = 30
	laneGap   = 6
	failRow   = 24
)

// newPlot lays the picture out from the top down.
func newPlot(r result.Result, s shape) *plot {
	p := &plot{
		ID: s.id, Title: r.Title, Desc: description(r), Alone: s.alone, Pass: r.Verdict.Pass,
		Width: px(s.width), Left: px(s.left), Right: px(s.width - s.right), r: r, span: span(r),
	}
	p.groups = groups(r.Buckets, p.span, int((s.width-s.left-s.right)/1.5))
	if s.alone {
		p.verdict()
	}
	p.markers()
	p.rates()
	p.latencies()
	p.owners()
	p.failures()
	p.times()
	if s.alone {
		p.names()
	}
	p.Height = px(p.y)
	return p
}

// description says in words what the picture shows.
func description(r result.Result) string {
	v := r.Verdict
	return fmt.Sprintf("%s %s requests in %s and %d steps: %s failed, %s writes lost, %s doubled. Latency: median %s, 99th percentile %s, longest %s; longest hold %s.",
		inShort(r), count(v.Requests), took(r.Took), len(r.Steps), count(v.Failed), count(v.Lost), count(v.Doubled), took(v.P50), took(v.P99), took(v.Max), took(v.LongestHold))
}

// x is where a time stands.
func (p *plot) x(d time.Duration) px {
	return p.Left + px(min(max(float64(d)/float64(p.span), 0), 1))*(p.Right-p.Left)
}

func (p *plot) text(x, y px, class, anchor, text string) {
	p.Labels = append(p.Labels, label{x, y, class, anchor, text})
}

// A key is one line of a panel and its name.
type key struct{ class, name string }

// head begins a panel: its name on the left, the keys to its lines on the right.
func (p *plot) head(name string, keys ...key) {
	baseline := px(p.y + headRow - 10)
	x := p.Right
	for _, k := range slices.Backward(keys) {
		p.text(x, baseline, "key", "end", k.name)
		x -= textWidth(k.name, 12) + 10
		p.Paths = append(p.Paths, path{k.class, fmt.Sprintf("M%s %sh-16", x, baseline-4)})
		x -= 16 + 16
	}
	if p.Left+textWidth(name, 13) > x {
		name, _, _ = strings.Cut(name, ",")
	}
	p.text(p.Left, baseline, "head", "start", name)
	p.y += headRow
}

// letter is how wide a letter is, for a font of size 1: a little more than most fonts have.
const letter = 0.58

// textWidth guesses how wide a text of that font size is.
func textWidth(s string, size float64) px {
	return px(float64(utf8.RuneCountInString(s)) * size * letter)
}

// fit shortens a text of that font size to the room that there is.
func fit(s string, room px, size float64) string {
	return cut(s, int(float64(room)/(size*letter)), "…")
}

// markers numbers the steps, in a row above the panels, or more rows where they are many:
// each as near to its time as its neighbours allow.
func (p *plot) markers() {
	const apart = 24
	steps := p.r.Steps
	rows := 1 + int(float64(len(steps))*apart/float64(p.Right-p.Left))
	p.Top = px(p.y + float64(rows)*markerRow + 8)
	p.Markers = make([]marker, len(steps))
	for row := range min(rows, len(steps)) {
		var wish []float64
		for i := row; i < len(steps); i += rows {
			wish = append(wish, float64(p.x(steps[i].At)))
		}
		for j, x := range spread(wish, apart, float64(p.Left), float64(p.Right)) {
			i := row + j*rows
			y := px(p.y + float64(row)*markerRow + markerRow/2)
			m := marker{N: i + 1, X: px(x), Y: y, Title: fmt.Sprintf("step %d, at %s: %s", i+1, at(steps[i].At), steps[i].Name)}
			m.D = fmt.Sprintf("M%s %sL%s %s", m.X, y, p.x(steps[i].At), p.Top)
			if steps[i].Failed != "" {
				m.Class, m.Title = "bad", m.Title+": "+steps[i].Failed
			}
			p.Markers[i] = m
		}
	}
	p.y = float64(p.Top) + 8
}

// rates draws the requests a second.
func (p *plot) rates() {
	var most float64
	for _, g := range p.groups {
		most = max(most, g.rate())
	}
	top, ticks := rateAxis(most)
	p.head("requests a second")
	base := px(p.y + rateRow)
	y := func(share float64) px { return base - px(share)*rateRow }
	for _, t := range ticks {
		p.gridline(y(t.share), t.label)
	}
	var outline strings.Builder
	for i, g := range p.groups {
		if i == 0 {
			fmt.Fprintf(&outline, "M%s %s", p.Left, y(g.rate()/top))
		}
		fmt.Fprintf(&outline, "L%s %s", p.middle(g), y(g.rate()/top))
		if i == len(p.groups)-1 {
			fmt.Fprintf(&outline, "L%s %s", p.Right, y(g.rate()/top))
		}
	}
	area := fmt.Sprintf("%sL%s %sL%s %sZ", &outline, p.Right, base, p.Left, base)
	p.Paths = append(p.Paths, path{"area", area}, path{"rate", outline.String()})
	p.y += rateRow + panelGap
}

// latencies draws median, 99th percentile and longest, on a logarithmic scale.
func (p *plot) latencies() {
	var shortest, longest time.Duration
	for _, g := range p.groups {
		if g.p50 > 0 && (shortest == 0 || g.p50 < shortest) {
			shortest = g.p50
		}
		longest = max(longest, g.max)
	}
	axis := newLogAxis(shortest, longest)
	p.head("latency, log scale", key{"p50", "p50"}, key{"p99", "p99"}, key{"max", "max"})
	base := px(p.y + tookRow)
	for _, t := range axis.ticks() {
		p.gridline(base-px(t.share)*tookRow, t.label)
	}
	// The median last: it lies over the others.
	for _, l := range []struct {
		class string
		of    func(group) time.Duration
	}{
		{"max", func(g group) time.Duration { return g.max }},
		{"p99", func(g group) time.Duration { return g.p99 }},
		{"p50", func(g group) time.Duration { return g.p50 }},
	} {
		var d strings.Builder
		connected := false
		for i, g := range p.groups {
			if g.requests == 0 {
				connected = false
				continue
			}
			x, y := p.middle(g), base-px(axis.share(l.of(g)))*tookRow
			switch {
			case connected:
				fmt.Fprintf(&d, "L%s %s", x, y)
			case i+1 < len(p.groups) && p.groups[i+1].requests > 0:
				fmt.Fprintf(&d, "M%s %s", x, y)
			default: // a group without neighbours is a dash
				fmt.Fprintf(&d, "M%s %sh6", x-3, y)
			}
			connected = true
		}
		if d.Len() > 0 {
			p.Paths = append(p.Paths, path{l.class, d.String()})
		}
	}
	p.y += tookRow + panelGap
}

// gridline draws a line across the panel, and its value beside it.
func (p *plot) gridline(y px, value string) {
	p.Grid = append(p.Grid, line{p.Left, y, p.Right, y, "grid"})
	p.text(p.Left-8, y+4, "tick", "end", value)
}

// middle is where a group's value stands.
func (p *plot) middle(g group) px { return p.x(g.at + min(g.width, p.span-g.at)/2) }
