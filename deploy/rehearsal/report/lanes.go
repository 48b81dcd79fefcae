package report

import (
	"fmt"
	"slices"

	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

// monolith is the binary that owns all stores before the cutover.
const monolith = "monolith"

// owners draws a lane for each store, with a segment for each process that owned it.
func (p *plot) owners() {
	names := stores(p.r.Owners)
	if len(names) == 0 {
		return
	}
	p.head("who owned each store")
	var known []string // instances, in the order that they are met
	for _, name := range names {
		p.lane(name, laneRow-laneGap)
		for _, o := range p.r.Owners {
			if o.Store != name {
				continue
			}
			if !slices.Contains(known, o.Instance) {
				known = append(known, o.Instance)
			}
			p.Segments = append(p.Segments, p.segment(o))
		}
		p.y += laneRow
	}
	p.y += panelGap - laneGap
}

// segment is the part of a lane that one process owned. However short, it can be seen.
func (p *plot) segment(o result.Ownership) box {
	to, until := o.To, at(o.To)
	if to == 0 {
		to, until = p.span, "the end"
	}
	x := p.x(o.From)
	b := box{
		X: x, Y: px(p.y), W: max(p.x(to)-x, 1.5), H: laneRow - laneGap, Class: colour(o),
		Title: fmt.Sprintf("%s: %s %s, epoch %d, from %s to %s", o.Store, o.Binary, o.Instance, o.Epoch, at(o.From), until),
	}
	for _, text := range []string{o.Binary + " " + short(o.Instance), o.Binary, short(o.Instance)} {
		if textWidth(text, 12) <= b.W-12 {
			b.Text = text
			break
		}
	}
	return b
}

// colour is the class of an owner: the monolith has one, and each service its own.
func colour(o result.Ownership) string {
	switch {
	case o.Binary == monolith:
		return monolith
	case slices.Contains([]string{"users", "threads", "posts"}, o.Store):
		return o.Store
	}
	return "other"
}

// lane draws an empty lane and its name.
func (p *plot) lane(name string, height float64) {
	p.Lanes = append(p.Lanes, box{X: p.Left, Y: px(p.y), W: p.Right - p.Left, H: px(height)})
	p.text(p.Left-8, px(p.y+height/2+4), "lane", "end", fit(name, p.Left-4, 11))
}

// failures draws a tick for each group with requests that failed, and in a lane of their
// own those that found no target.
func (p *plot) failures() {
	p.head("requests that failed")
	p.ticks("failed", "failed", func(g group) int { return g.failed })
	if p.r.Gap || p.r.Verdict.NoTarget > 0 {
		p.ticks("no target", "untargeted", func(g group) int { return g.noTarget })
	}
}

func (p *plot) ticks(name, class string, of func(group) int) {
	const height = failRow - laneGap
	p.lane(name, height)
	before := len(p.Ticks)
	for _, g := range p.groups {
		if of(g) > 0 {
			x := p.middle(g)
			p.Ticks = append(p.Ticks, line{x, px(p.y), x, px(p.y + height), class})
		}
	}
	if len(p.Ticks) == before {
		p.text(p.Left+8, px(p.y+height/2+4), "none", "start", "none")
	}
	p.y += failRow
}

// times draws the axis below everything, and takes each step's line down to it.
func (p *plot) times() {
	p.Bottom = px(p.y)
	room := 72.0
	for _, t := range timeTicks(p.span, int(float64(p.Right-p.Left)/room)) {
		x := p.Left + px(t.share)*(p.Right-p.Left)
		anchor := "middle"
		if x > p.Right-16 {
			anchor = "end"
		}
		p.Grid = append(p.Grid, line{x, p.Bottom, x, p.Bottom + 5, "axis"})
		p.text(x, p.Bottom+19, "tick", anchor, t.label)
	}
	p.Grid = append(p.Grid, line{p.Left, p.Bottom, p.Right, p.Bottom, "axis"})
	for i, s := range p.r.Steps {
		x := p.x(s.At)
		p.Markers[i].D += fmt.Sprintf("V%s", p.Bottom)
		if w := p.x(s.At+s.Took) - x; w > 0 {
			p.Bands = append(p.Bands, box{X: x, Y: p.Top, W: w, H: p.Bottom - p.Top})
		}
	}
	p.y += 28
}

// verdict writes the outcome above the panels.
func (p *plot) verdict() {
	v := p.r.Verdict
	p.text(66, 48, "stamp", "middle", word(p.r))
	p.text(122, 40, "title", "start", fit(p.r.Title, p.Right-122, 20))
	p.text(122, 62, "sub", "start", fit(inShort(p.r), p.Right-122, 12))
	x := p.Right
	numbers := []struct{ name, value, class string }{
		{"requests", count(v.Requests), ""},
		{"failed", count(v.Failed), zero(v.Failed)}, {"lost", count(v.Lost), zero(v.Lost)}, {"doubled", count(v.Doubled), zero(v.Doubled)},
		{"p50", took(v.P50), ""}, {"p99", took(v.P99), ""}, {"max", took(v.Max), ""}, {"longest hold", took(v.LongestHold), ""},
	}
	each := (x - 28) / px(len(numbers))
	for i, n := range numbers {
		p.text(28+px(i)*each, 112, "number "+n.class, "start", n.value)
		p.text(28+px(i)*each, 131, "sub", "start", n.name)
	}
	p.y = 156
}

// names lists the steps below the panels, in two columns.
func (p *plot) names() {
	const row = 26
	p.y += 24
	half := (len(p.r.Steps) + 1) / 2
	column := (p.Width - 28 - p.right() + 32) / 2
	for i, s := range p.r.Steps {
		x, y := px(28)+px(i/max(half, 1))*column, px(p.y)+px(i%max(half, 1))*row
		class := ""
		if s.Failed != "" {
			class = "bad"
		}
		p.Markers = append(p.Markers, marker{N: i + 1, X: x + 10, Y: y, Class: class})
		p.Labels = append(p.Labels,
			label{x + 30, y + 4, "name", "start", fit(s.Name, column-124, 13)},
			label{x + column - 32, y + 4, "tick", "end", at(s.At)},
		)
	}
	p.y += float64(half)*row + 6
}

// right is the margin on the right.
func (p *plot) right() px { return p.Width - p.Right }
