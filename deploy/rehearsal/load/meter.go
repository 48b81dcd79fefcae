package load

import (
	"sync"
	"time"
)

// slice is how much time a bucket stands for.
const slice = 100 * time.Millisecond

// recent is how many buckets what is shown live stands for.
const recent = 10

// A Bucket is what ended within a tenth of a second.
type Bucket struct {
	At               time.Duration // when it begins
	Requests, Failed int
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

// Recent is what a load has come to in the last second.
type Recent struct {
	Requests, Failed int
	P50, P99, Max    time.Duration
}

// A meter counts requests as they end.
type meter struct {
	mu      sync.Mutex
	figures Figures
	all     histogram
	buckets []Bucket // those that are over

	// The last buckets, each in its place modulo their number.
	last [recent + 1]struct {
		failed int
		times  histogram
	}
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
	now := &m.last[len(m.buckets)%len(m.last)]
	switch {
	case r.Failed():
		f.Failed++
		now.failed++
		if r.NoTarget {
			f.NoTarget++
		}
	case r.Kind.Write():
		f.Acknowledged++
	}
	m.all.add(r.Latency())
	now.times.add(r.Latency())
}

// advance ends the buckets that are over at a time.
func (m *meter) advance(now time.Duration) {
	for time.Duration(len(m.buckets)+1)*slice <= now {
		over := &m.last[len(m.buckets)%len(m.last)]
		m.buckets = append(m.buckets, Bucket{
			At: time.Duration(len(m.buckets)) * slice, Requests: over.times.n, Failed: over.failed,
			P50: over.times.quantile(0.5), P99: over.times.quantile(0.99), Max: over.times.max,
		})
		next := &m.last[len(m.buckets)%len(m.last)]
		next.failed, next.times = 0, histogram{}
	}
}

func (m *meter) total() Figures {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.figures
	f.P50, f.P99, f.Max = m.all.quantile(0.5), m.all.quantile(0.99), m.all.max
	return f
}

// lately tells about the last second before a time.
func (m *meter) lately(now time.Duration) Recent {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(now)
	var r Recent
	var times histogram
	current := len(m.buckets) % len(m.last)
	for i := range m.last {
		if i != current {
			r.Failed += m.last[i].failed
			times.merge(&m.last[i].times)
		}
	}
	r.Requests = times.n
	r.P50, r.P99, r.Max = times.quantile(0.5), times.quantile(0.99), times.max
	return r
}

// over gives the buckets that are over at a time.
func (m *meter) over(now time.Duration) []Bucket {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(now)
	return append([]Bucket(nil), m.buckets...)
}
