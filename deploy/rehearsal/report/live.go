package report

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

// A Snapshot is a rehearsal at one moment.
type Snapshot struct {
	Title   string
	Elapsed time.Duration
	// Steps are those that have begun. The last one is still at it while its Took is 0
	// and it has not failed.
	Steps []result.Step
	// Total is how many steps there will be.
	Total int

	Requests, Failed, NoTarget int
	// P50, P99 and Max are those of the requests so far.
	P50, P99, Max time.Duration
	// Rates are the requests a second of late, the newest last.
	Rates []int
	// Owners has who owns each store now.
	Owners []Owner
}

// An Owner is the process that owns a store; Binary is empty while nobody does.
type Owner struct {
	Store, Binary, Instance string
	// Held is how many requests wait for the store to change hands.
	Held int
}

// How often there is something new: on a terminal a picture, elsewhere a line.
const (
	redrawEvery = 200 * time.Millisecond
	reportEvery = 5 * time.Second
)

// Live shows a running rehearsal: on a terminal a few lines that are redrawn in place,
// and elsewhere, or where CI is set, a line for each step and one every few seconds.
type Live struct {
	w        io.Writer
	snapshot func() Snapshot
	// size is the terminal's; nil if there is none.
	size  func() (width, height int)
	style style
}

// NewLive shows what snapshot gives, on w.
func NewLive(w io.Writer, snapshot func() Snapshot) *Live {
	l := &Live{w: w, snapshot: snapshot}
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("CI") != "" || os.Getenv("TERM") == "dumb" {
		return l
	}
	l.style = os.Getenv("NO_COLOR") == ""
	l.size = func() (int, int) {
		width, height, err := term.GetSize(int(file.Fd()))
		if err != nil || width <= 0 || height <= 0 {
			return 80, 24
		}
		return width, height
	}
	return l
}

// Run shows the rehearsal until ctx ends, then its last state, and leaves the terminal as it was.
// Nothing else should write to the terminal meanwhile.
func (l *Live) Run(ctx context.Context) {
	draw, done := l.lines(), func() {}
	if l.size != nil {
		draw, done = l.redrawn()
	}
	defer done()
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	for {
		draw(l.snapshot(), false)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			draw(l.snapshot(), true)
			return
		}
	}
}

// What a terminal is told.
const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	noWrap     = "\x1b[?7l"
	wrap       = "\x1b[?7h"
	// What stands between these is shown at once, by terminals that know how to.
	beginFrame = "\x1b[?2026h"
	endFrame   = "\x1b[?2026l"
	eraseLine  = "\x1b[K"
	eraseBelow = "\x1b[J"
)

// redrawn draws each state over the one before.
func (l *Live) redrawn() (draw func(s Snapshot, last bool), done func()) {
	fmt.Fprint(l.w, hideCursor)
	drawn := 0
	draw = func(s Snapshot, _ bool) {
		width, height := l.size()
		lines := l.style.frame(s, width-1)
		// A line that scrolled away cannot be drawn over.
		lines = lines[:min(len(lines), max(1, height-1))]
		var b strings.Builder
		b.WriteString(beginFrame + noWrap + "\r")
		if drawn > 0 {
			fmt.Fprintf(&b, "\x1b[%dA", drawn)
		}
		for _, line := range lines {
			b.WriteString(line + eraseLine + "\n")
		}
		b.WriteString(eraseBelow + wrap + endFrame)
		drawn = len(lines)
		fmt.Fprint(l.w, b.String())
	}
	return draw, func() { fmt.Fprint(l.w, showCursor) }
}

// lines tells of each step when it begins and if it fails, and every few seconds how it goes.
func (l *Live) lines() (draw func(s Snapshot, last bool)) {
	var told []bool // for each step that has begun, whether its failure was told
	var next time.Duration
	return func(s Snapshot, last bool) {
		for i, step := range s.Steps {
			if i == len(told) {
				told = append(told, false)
				fmt.Fprintf(l.w, "%8s  step %d of %d: %s\n", at(step.At), i+1, s.Total, plain(step.Name))
			}
			if step.Failed != "" && !told[i] {
				told[i] = true
				fmt.Fprintf(l.w, "%8s  step %d failed: %s\n", at(step.At+step.Took), i+1, plain(step.Failed))
			}
		}
		if last || s.Elapsed >= next {
			fmt.Fprintf(l.w, "%8s  %s\n", at(s.Elapsed), progress(s))
			next = s.Elapsed.Truncate(reportEvery) + reportEvery
		}
	}
}
