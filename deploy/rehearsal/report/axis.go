package report

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// A tick is a place on an axis, as a share of it, and what stands there.
type tick struct {
	share float64
	label string
}

// rateAxis goes from 0 to a round number of at least most, with a few ticks.
func rateAxis(most float64) (top float64, ticks []tick) {
	if most <= 0 {
		most = 1
	}
	step := niceAbove(most / 3)
	n := math.Ceil(most/step - 1e-9)
	for i := range int(n) + 1 {
		ticks = append(ticks, tick{float64(i) / n, thousands(float64(i) * step)})
	}
	return n * step, ticks
}

// thousands writes 1500 as "1,500", and fractions as they are.
func thousands(f float64) string {
	if f == math.Trunc(f) {
		return count(int(f))
	}
	return strconv.FormatFloat(f, 'g', 3, 64)
}

// niceAbove gives the least of 1, 2 and 5 times a power of ten that is at least f.
func niceAbove(f float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(f)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= f*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// niceBelow gives the greatest of 1, 2 and 5 times a power of ten that is at most f.
func niceBelow(f float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(f)))
	for _, m := range []float64{5, 2} {
		if m*power <= f*(1+1e-9) {
			return m * power
		}
	}
	return power
}

// A logAxis has durations between low and high, each factor of ten as long as the others.
type logAxis struct{ low, high float64 }

// newLogAxis covers the durations from shortest to longest, and at least a factor of ten.
func newLogAxis(shortest, longest time.Duration) logAxis {
	if shortest <= 0 {
		shortest = time.Millisecond
	}
	a := logAxis{niceBelow(float64(shortest)), niceAbove(float64(max(shortest, longest)))}
	if a.high < 10*a.low {
		a.high = 10 * a.low
	}
	return a
}

func (a logAxis) share(d time.Duration) float64 {
	f := min(max(float64(d), a.low), a.high)
	return math.Log(f/a.low) / math.Log(a.high/a.low)
}

// ticks stand at the powers of ten, and where those are few at 2 and 5 times them as well.
func (a logAxis) ticks() []tick {
	multiples := []float64{1}
	if a.high/a.low < 500 {
		multiples = []float64{1, 2, 5}
	}
	var ticks []tick
	for power := math.Pow(10, math.Floor(math.Log10(a.low*(1+1e-9)))); power <= a.high*(1+1e-9); power *= 10 {
		for _, m := range multiples {
			if f := m * power; f >= a.low*(1-1e-9) && f <= a.high*(1+1e-9) {
				ticks = append(ticks, tick{a.share(time.Duration(math.Round(f))), round(f)})
			}
		}
	}
	return ticks
}

// round writes a duration of a round number of nanoseconds: "50 ms".
func round(f float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}} {
		if f >= unit.size*(1-1e-9) {
			return strconv.FormatFloat(f/unit.size, 'f', -1, 64) + " " + unit.name
		}
	}
	return strconv.FormatFloat(f, 'f', -1, 64) + " ns"
}

// timeTicks gives round times within span, at most so many.
func timeTicks(span time.Duration, most int) []tick {
	const hour = 60 * time.Minute
	step := hour
	for _, try := range []time.Duration{
		100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	} {
		if span/try <= time.Duration(most) {
			step = try
			break
		}
	}
	for span/step > time.Duration(most) {
		step *= 2
	}
	var ticks []tick
	for t := time.Duration(0); t <= span; t += step {
		label := strconv.FormatFloat(t.Seconds(), 'f', -1, 64) + " s"
		if span > 2*time.Minute {
			label = fmt.Sprintf("%d:%02d", t/time.Minute, t%time.Minute/time.Second)
		}
		ticks = append(ticks, tick{float64(t) / float64(span), label})
	}
	return ticks
}
