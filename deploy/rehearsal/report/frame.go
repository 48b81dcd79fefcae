package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A style says whether text is coloured.
type style bool

// Colours and weights, as SGR parameters.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
)

// A run is text of one colour.
type run struct{ code, text string }

// line puts runs together, cut to width.
func (st style) line(width int, runs ...run) string {
	var b strings.Builder
	for _, r := range runs {
		text := cut(r.text, width, "…")
		width -= utf8.RuneCountInString(text)
		if st && r.code != "" && text != "" {
			text = "\x1b[" + r.code + "m" + text + "\x1b[0m"
		}
		b.WriteString(text)
	}
	return b.String()
}

// frame draws a moment of the rehearsal, in lines of at most that width.
func (st style) frame(s Snapshot, width int) []string {
	done := len(s.Steps)
	now := run{dim, "starting"}
	if n := len(s.Steps); n > 0 {
		step := s.Steps[n-1]
		now = run{bold, plain(step.Name)}
		switch {
		case step.Failed != "":
			now = run{red, plain(step.Name) + ": " + plain(step.Failed)}
		case step.Took == 0:
			done--
		}
	}
	clock := at(s.Elapsed)
	title := cut("Splitboard rehearsal  "+plain(s.Title), width-len(clock)-4, "…")
	gap := strings.Repeat(" ", max(1, width-len(clock)-2-utf8.RuneCountInString(title)))
	steps := fmt.Sprintf("  step %d of %d", len(s.Steps), s.Total)

	line := func(runs ...run) string { return st.line(width, append([]run{{"", "  "}}, runs...)...) }
	lines := []string{
		line(run{bold, title}, run{"", gap}, run{"", clock}),
		line(append(bar(done, s.Total, min(width-4-len(steps), 50)), run{"", steps})...),
		line(run{blue, "▸ "}, now),
		"",
		line(run{dim, "requests  "}, run{bold, count(s.Requests)}, run{dim, "   failed "}, counted(s.Failed, red), run{dim, "   no target "}, counted(s.NoTarget, yellow)),
		line(run{dim, "latency   "}, run{dim, "p50 "}, run{"", took(s.P50)}, run{dim, "   p99 "}, run{"", took(s.P99)}, run{dim, "   max "}, run{"", took(s.Max)}),
		line(append([]run{{dim, "req/s     "}}, spark(s.Rates, min(width-24, 50))...)...),
		"",
	}
	owners := make([]string, len(s.Owners))
	for i, o := range s.Owners {
		owners[i] = line(owner(o)...)
	}
	return slices.Concat(lines, owners)
}

// counted shows a number that is hoped to be 0.
func counted(n int, code string) run {
	if n == 0 {
		code = green
	}
	return run{code, count(n)}
}

// bar shows how many of all steps are done.
func bar(done, total, width int) []run {
	width = max(width, 0)
	full := 0
	if total > 0 {
		full = min(max(done, 0), total) * width / total
	}
	return []run{{green, strings.Repeat("━", full)}, {dim, strings.Repeat("─", width-full)}}
}

// spark draws the newest numbers that fit, and writes the last.
func spark(rates []int, width int) []run {
	rates = rates[max(0, len(rates)-max(width, 0)):]
	if len(rates) == 0 {
		return nil
	}
	levels := []rune("▁▂▃▄▅▆▇█")
	most := max(1, slices.Max(rates))
	var b strings.Builder
	for _, r := range rates {
		b.WriteRune(levels[max(r, 0)*(len(levels)-1)/most])
	}
	return []run{{blue, b.String()}, {"", "  " + count(rates[len(rates)-1])}}
}

// owner shows who owns a store, and who waits for it.
func owner(o Owner) []run {
	runs := []run{{dim, fmt.Sprintf("%-10s", plain(o.Store))}}
	switch o.Binary {
	case "":
		runs = append(runs, run{yellow, "nobody"})
	case monolith:
		runs = append(runs, run{"", monolith})
	default:
		runs = append(runs, run{green, plain(o.Binary)})
	}
	if o.Binary != "" {
		runs = append(runs, run{dim, " " + plain(short(o.Instance))})
	}
	if o.Held > 0 {
		runs = append(runs, run{yellow, "   " + count(o.Held) + " held"})
	}
	return runs
}

// progress is a moment of the rehearsal in one line, for where there is no terminal.
func progress(s Snapshot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s requests, %s failed, %s without a target; p50 %s, p99 %s, max %s",
		count(s.Requests), count(s.Failed), count(s.NoTarget), took(s.P50), took(s.P99), took(s.Max))
	for i, o := range s.Owners {
		sep := ", "
		if i == 0 {
			sep = "; "
		}
		b.WriteString(sep + plain(o.Store) + ": ")
		if o.Binary == "" {
			b.WriteString("nobody")
			continue
		}
		b.WriteString(plain(o.Binary) + " " + plain(short(o.Instance)))
	}
	return b.String()
}
