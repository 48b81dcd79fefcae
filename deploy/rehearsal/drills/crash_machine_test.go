package drills

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const (
	// maxLate is how late a machine may be that says whether answers come in time: half of
	// the 100 ms that a forwarder leaves of a deadline for its answer's way.
	maxLate = 50 * time.Millisecond
	// maxSync is how long its disk may take. From 500 ms on handoffs are broken off, and
	// after 2 s owners end themselves, without any fault of a trial's.
	maxSync = 400 * time.Millisecond
)

// A probe measures what the machine itself makes everybody wait for.
type probe struct {
	stop    chan struct{}
	running sync.WaitGroup
	late    time.Duration // how late it wakes somebody up, at worst
	sync    time.Duration // how long a sync takes, at worst
}

// measure begins to measure, in a folder, until the probe's end is called.
func measure(t *testing.T, folder string) *probe {
	t.Helper()
	p := &probe{stop: make(chan struct{})}
	file, err := os.Create(filepath.Join(folder, "probe"))
	if err != nil {
		t.Fatal(err)
	}
	p.running.Go(func() {
		const every = time.Millisecond
		last := time.Now()
		p.each(every, func() {
			now := time.Now()
			p.late, last = max(p.late, now.Sub(last)-every), now
		})
	})
	p.running.Go(func() {
		p.each(100*time.Millisecond, func() {
			began := time.Now()
			if _, err := file.WriteAt([]byte{0}, 0); errors.Join(err, file.Sync()) != nil {
				t.Errorf("probing the disk: %v", err)
			}
			p.sync = max(p.sync, time.Since(began))
		})
		_ = file.Close() // nobody reads it
	})
	return p
}

func (p *probe) each(every time.Duration, do func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			do()
		case <-p.stop:
			return
		}
	}
}

// end ends the measuring.
func (p *probe) end() {
	close(p.stop)
	p.running.Wait()
}
