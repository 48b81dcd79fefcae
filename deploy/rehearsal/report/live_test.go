package report

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

// moment is the rehearsal of sample as it stands so long after its start.
func moment(elapsed time.Duration) Snapshot {
	r := sample(time.Minute)
	s := Snapshot{Title: r.Title, Elapsed: elapsed, Total: len(r.Steps), P50: 640 * time.Microsecond, P99: 2870 * time.Microsecond, Max: 27 * ms}
	for _, step := range r.Steps {
		if step.At > elapsed {
			break
		}
		if step.At+step.Took > elapsed {
			step.Took = 0
		}
		s.Steps = append(s.Steps, step)
	}
	for _, b := range r.Buckets {
		if b.At < elapsed {
			s.Requests += b.Requests
			s.Rates = append(s.Rates, b.Requests*10)
		}
	}
	for _, o := range r.Owners {
		if o.From <= elapsed && (o.To == 0 || o.To > elapsed) {
			s.Owners = append(s.Owners, Owner{Store: o.Store, Binary: o.Binary, Instance: o.Instance})
		}
	}
	return s
}

// play runs a Live over as much of the sample, and gives what it wrote.
func play(t *testing.T, l *Live, during time.Duration) string {
	t.Helper()
	var b bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		l.w, l.snapshot = &b, func() Snapshot { return moment(time.Since(start)) }
		ctx, cancel := context.WithTimeout(t.Context(), during)
		defer cancel()
		l.Run(ctx)
	})
	return b.String()
}

// terminal gives a Live on a terminal of that size.
func terminal(width, height int, colour bool) *Live {
	return &Live{style: style(colour), size: func() (int, int) { return width, height }}
}

var control = regexp.MustCompile("\x1b\\[(\\??)([0-9;]*)([A-Za-z])")

// screen plays what was written on a terminal, and gives the lines that stand there in the end.
func screen(t *testing.T, written string) []string {
	t.Helper()
	lines := [][]rune{nil}
	x, y := 0, 0
	for written != "" {
		if found := control.FindStringSubmatch(written); found != nil && strings.HasPrefix(written, found[0]) {
			switch found[3] {
			case "A":
				n, err := strconv.Atoi(found[2])
				if err != nil || n > y {
					t.Fatalf("%s lines up from line %d", found[2], y)
				}
				y -= n
			case "J":
				lines = append(lines[:y], lines[y][:x])
			case "K":
				lines[y] = lines[y][:x]
			case "m", "h", "l":
			default:
				t.Fatalf("unknown sequence %q", found[0])
			}
			written = written[len(found[0]):]
			continue
		}
		r, size := utf8.DecodeRuneInString(written)
		written = written[size:]
		switch r {
		case '\r':
			x = 0
		case '\n':
			if x, y = 0, y+1; y == len(lines) {
				lines = append(lines, nil)
			}
		default:
			lines[y] = append(append(lines[y][:x:x], r), lines[y][min(x+1, len(lines[y])):]...)
			x++
		}
	}
	var text []string
	for _, line := range lines {
		text = append(text, string(line))
	}
	return text
}

func TestLiveRedrawsInPlace(t *testing.T) {
	written := play(t, terminal(80, 24, false), 31*time.Second)
	got := strings.Join(screen(t, written), "\n")
	want := strings.Join([]string{
		"  Splitboard rehearsal  The tutorial’s cutover, there and back           31.0 s",
		"  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━───────────────  step 7 of 10",
		"  ▸ Hand posts off to its service",
	}, "\n")
	if !strings.HasPrefix(got, want) {
		t.Errorf("the screen shows\n%s\nwant it to begin with\n%s", got, want)
	}
	for _, want := range []string{
		"\n  requests  45,974   failed 0   no target 0\n", "\n  latency   p50 0.64 ms   p99 2.87 ms   max 27.0 ms\n",
		"users b81d02\n", "threads 77c4f0\n", "posts 0a95be\n",
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("the screen shows\n%s\nwant it to have\n%s", got, want)
		}
	}
	if frames := strings.Count(written, beginFrame); frames != 31*5+1 && frames != 31*5+2 {
		t.Errorf("%d frames in 31 s", frames)
	}
	if !strings.HasPrefix(written, hideCursor) || !strings.HasSuffix(written, showCursor) || strings.Count(written, noWrap) != strings.Count(written, wrap) {
		t.Error("the terminal is not left as it was")
	}
	if strings.Contains(control.ReplaceAllStringFunc(written, func(s string) string {
		if strings.HasSuffix(s, "m") {
			return "colour"
		}
		return ""
	}), "colour") {
		t.Error("there is colour where none was asked for")
	}
}

func TestFrameFits(t *testing.T) {
	s := moment(31 * time.Second)
	s.Steps[len(s.Steps)-1].Name = strings.Repeat("long ", 100) + "\x1b[2J\n"
	s.Owners[0].Held, s.Owners[1].Binary = 1200, ""
	for width := range 200 {
		for _, st := range []style{false, true} {
			for _, line := range st.frame(s, width) {
				bare := control.ReplaceAllString(line, "")
				if utf8.RuneCountInString(bare) > width {
					t.Fatalf("width %d: %q", width, bare)
				}
				if strings.ContainsAny(bare, "\x1b\n") || strings.Contains(line, "\x1b[2J") {
					t.Fatalf("a step's name moves the cursor: %q", line)
				}
			}
		}
	}
	if lines := screen(t, play(t, terminal(80, 6, true), time.Second)); len(lines) != 6 { // the last one is the cursor's
		t.Errorf("%d lines on a terminal of 6", len(lines))
	}
	_ = style(true).frame(Snapshot{}, 80) // nothing has begun yet
}

func TestFrameColours(t *testing.T) {
	s := moment(31 * time.Second)
	s.Failed = 3
	s.Steps[len(s.Steps)-1].Failed = "exit status 4"
	s.Owners[0].Held, s.Owners[1].Binary = 1200, ""
	all := strings.Join(style(true).frame(s, 100), "\n")
	for _, want := range []string{"\x1b[31m3\x1b[0m", "\x1b[32m0\x1b[0m", "\x1b[31mHand posts off to its service: exit status 4\x1b[0m", "\x1b[33m   1,200 held\x1b[0m", "\x1b[33mnobody\x1b[0m"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%q", want, all)
		}
	}
}

func TestLiveWithoutTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l := NewLive(file, nil)
	if l.size != nil {
		t.Fatal("a file is taken for a terminal")
	}
	got := play(t, l, 12*time.Second)
	want := `   0.0 s  0 requests, 0 failed, 0 without a target; p50 0.64 ms, p99 2.87 ms, max 27.0 ms; users: monolith 4f2a91, threads: monolith 4f2a91, posts: monolith 4f2a91
   3.0 s  step 1 of 10: Start users, threads and posts
   5.0 s  6,952 requests, `
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant it to begin with\n%s", got, want)
	}
	if lines := strings.Count(got, "\n"); lines != 6 { // at 0, 5, 10 and 12 s, and two steps
		t.Errorf("%d lines in 12 s:\n%s", lines, got)
	}
	if strings.ContainsAny(got, "\x1b\r") {
		t.Errorf("it moves a cursor that is not there:\n%q", got)
	}
}

func TestLiveTellsFailedStepOnce(t *testing.T) {
	var b bytes.Buffer
	draw := (&Live{w: &b}).lines()
	step := result.Step{Name: "one", At: time.Second}
	draw(Snapshot{Total: 2, Elapsed: time.Second, Steps: []result.Step{step}}, false)
	step.Failed, step.Took = "no", time.Second
	for range 3 {
		draw(Snapshot{Total: 2, Elapsed: 2 * time.Second, Steps: []result.Step{step}}, false)
	}
	if got := strings.Count(b.String(), "   2.0 s  step 1 failed: no\n"); got != 1 {
		t.Errorf("told %d times:\n%s", got, b.String())
	}
}
