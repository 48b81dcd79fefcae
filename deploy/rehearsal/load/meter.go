package load

import (
	"sync"
	"time"
)

// slice is how much time a bucket stands for.
const slice = 100 * time.Millisecond

// A Bucket is what ended within a tenth of a second.
type Bucket struct {
	At               time.Duration // when it begins
	Requests, Failed int
	NoTarget         int // of Failed, as in Figures
	P50, P99, Max    time.Duration
}

// Figures are what a load has come to so far.
type Figures struct {
	Requests, Reads, Writes int
	Acknowledged            int // writes that did not fail
	Failed                  int
	NoTarget                int // of Failed: those that a load balancer had nowhere to send to
	P50, P99, Max           time.Duration
}

// A meter counts requests as they end.
type meter struct {
	mu      sync.Mutex
	figures Figures
	all     histogram
	buckets []Bucket // those that are over

	// Of the bucket that is not over.
	failed, noTarget int
	times            histogram
}

// record counts a request.
func (m *meter) record(r *Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(r.End)
	f := &m.figures
	f.Requests++
	if r.Kind.Write() {
		f.Writes++
	} else {
		f.Reads++
	}
	switch {
	case r.Failed():
		f.Failed++
		m.failed++
		if r.NoTarget {
			f.NoTarget++
			m.noTarget++
		}
	case r.Kind.Write():
		f.Acknowledged++
	}
	m.all.add(r.Latency())
	m.times.add(r.Latency())
}

// advance ends the buckets that are over at a time.
func (m *meter) advance(now time.Duration) {
	for time.Duration(len(m.buckets)+1)*slice <= now {
		m.buckets = append(m.buckets, Bucket{
			At: time.Duration(len(m.buckets)) * slice, Requests: m.times.n, Failed: m.failed, NoTarget: m.noTarget,
			P50: m.times.quantile(0.5), P99: m.times.quantile(0.99), Max: m.times.max,
		})
		m.failed, m.noTarget, m.times = 0, 0, histogram{}
	}
}

func (m *meter) total() Figures {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.figures
	f.P50, f.P99, f.Max = m.all.quantile(0.5), m.all.quantile(0.99), m.all.max
	return f
}

// over gives the buckets that are over at a time.
func (m *meter) over(now time.Duration) []Bucket {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(now)
	return append([]Bucket(nil), m.buckets...)
}
