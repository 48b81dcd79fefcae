package result

import (
	"cmp"
	"slices"
	"time"
)

// A Sample is one request, as far as a timeline shows it.
type Sample struct {
	At, Took         time.Duration
	Failed, NoTarget bool
}

// Timeline puts samples into buckets by the time that they were sent, in order of time.
// A bucket without samples is left out.
func Timeline(samples []Sample) []Bucket {
	sorted := slices.Clone(samples)
	slices.SortFunc(sorted, func(a, b Sample) int { return cmp.Compare(a.At, b.At) })
	var buckets []Bucket
	var tooks []time.Duration
	for i, s := range sorted {
		at := s.At.Truncate(BucketWidth)
		if i == 0 || at != buckets[len(buckets)-1].At {
			buckets = append(buckets, Bucket{At: at})
			tooks = tooks[:0]
		}
		tooks = append(tooks, s.Took)
		b := &buckets[len(buckets)-1]
		b.Requests++
		switch {
		case s.NoTarget:
			b.NoTarget++
		case s.Failed:
			b.Failed++
		}
		if i+1 == len(sorted) || sorted[i+1].At.Truncate(BucketWidth) != at {
			b.P50, b.P99, b.Max = Quantiles(tooks)
		}
	}
	return buckets
}

// Quantiles sorts the durations and gives their median, the one that 99 of 100 are not
// above, and the longest; zeros if there are none.
func Quantiles(tooks []time.Duration) (p50, p99, longest time.Duration) {
	n := len(tooks)
	if n == 0 {
		return 0, 0, 0
	}
	slices.Sort(tooks)
	// The nearest rank: the smallest that at least this share is not above.
	rank := func(percent int) time.Duration { return tooks[(n*percent+99)/100-1] }
	return rank(50), rank(99), tooks[n-1]
}
