package report

import (
	"math"
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		count(0): "0", count(999): "999", count(1000): "1,000", count(-123456): "-123,456", count(1234567): "1,234,567",
		took(0): "0 ms", took(900): "0.90 µs", took(640 * time.Microsecond): "0.64 ms", took(9996 * time.Microsecond): "10.0 ms",
		took(12345 * time.Microsecond): "12.3 ms", took(820 * ms): "820 ms", took(999600 * time.Microsecond): "1.00 s",
		took(65 * time.Second): "1 min 05 s", took(2 * time.Hour): "120 min 00 s",
		at(0): "0.0 s", at(12340 * ms): "12.3 s", at(125500 * ms): "2:05.5", at(-time.Second): "0.0 s",
		at(59960 * ms):         "1:00.0",
		cut("threads", 7, "…"): "threads", cut("threads", 5, "…"): "thre…", cut("ÄÖÜ", 2, ""): "ÄÖ", cut("abc", 0, "…"): "",
		short("4f2a91c07be3"): "4f2a91", short("a1"): "a1",
		plain("Grüße, 🎉"): "Grüße, 🎉", plain("a\nb\x1b"): "a\ufffdb\ufffd",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRateAxis(t *testing.T) {
	for _, most := range []float64{0, 0.3, 1, 9, 10, 149, 1500, 1501, 99999, 1e9} {
		top, ticks := rateAxis(most)
		if top < most || top > max(1, 2*most) {
			t.Errorf("%g: the axis ends at %g", most, top)
		}
		increasing(t, ticks)
	}
}

func TestLogAxis(t *testing.T) {
	for _, c := range [][2]time.Duration{
		{0, 0}, {1, 1}, {ms, ms}, {ms, 9 * ms}, {500 * time.Microsecond, 30 * ms}, {time.Microsecond, 20 * time.Second}, {3 * ms, time.Hour},
	} {
		a := newLogAxis(c[0], c[1])
		if c[0] > 0 && (a.low > float64(c[0]) || a.high < float64(c[1])) {
			t.Errorf("%v: the axis goes from %g to %g", c, a.low, a.high)
		}
		increasing(t, a.ticks())
	}
	a := logAxis{1e6, 1e8}
	if a.share(10*ms) != 0.5 || a.share(0) != 0 || a.share(time.Hour) != 1 {
		t.Errorf("shares %g, %g, %g; want 0.5, 0 and 1", a.share(10*ms), a.share(0), a.share(time.Hour))
	}
	if label := a.ticks()[0].label; label != "1 ms" {
		t.Errorf("begins with %q", label)
	}
}

func TestTimeTicks(t *testing.T) {
	for _, span := range []time.Duration{1, ms, 100 * ms, time.Second, 12345 * ms, time.Minute, 5 * time.Minute, 3 * time.Hour, 1000 * time.Hour} {
		ticks := timeTicks(span, 4)
		if len(ticks) > 5 || len(ticks) == 0 || ticks[0].share != 0 {
			t.Errorf("%s: %d ticks, %+v", span, len(ticks), ticks)
		}
		if len(ticks) > 1 {
			increasing(t, ticks)
		}
	}
}

// increasing checks that ticks are on the axis, in order, a readable number, and all different.
func increasing(t *testing.T, ticks []tick) {
	t.Helper()
	if len(ticks) < 2 || len(ticks) > 13 {
		t.Errorf("%d ticks", len(ticks))
	}
	for i, tick := range ticks {
		if math.IsNaN(tick.share) || tick.share < -1e-9 || tick.share > 1+1e-9 {
			t.Errorf("%q is at %g", tick.label, tick.share)
		}
		if i > 0 && (tick.share <= ticks[i-1].share || tick.label == ticks[i-1].label) {
			t.Errorf("%+v after %+v", tick, ticks[i-1])
		}
	}
}
