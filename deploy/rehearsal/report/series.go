package report

import (
	"slices"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

// A group is neighbouring buckets that share one place on the plot. Its latencies are the
// highest of theirs, so that no spike is lost however many buckets there are.
type group struct {
	at, width                  time.Duration
	requests, failed, noTarget int
	p50, p99, max              time.Duration
}

// rate is the group's requests a second.
func (g group) rate() float64 { return float64(g.requests) / g.width.Seconds() }

// span is the time that the plot covers.
func span(r result.Result) time.Duration {
	end := max(r.Took, 1)
	for _, b := range r.Buckets {
		if b.At >= end {
			end = b.At + result.BucketWidth
		}
	}
	for _, s := range r.Steps {
		end = max(end, s.At+max(0, s.Took))
	}
	return end
}

// groups puts the buckets into at most so many groups of the same width, side by side
// from the start; some may be empty, and the last may be narrower.
func groups(buckets []result.Bucket, span time.Duration, most int) []group {
	all := (span + result.BucketWidth - 1) / result.BucketWidth
	each := (int(all) + most - 1) / most
	wide := time.Duration(each) * result.BucketWidth
	groups := make([]group, (span+wide-1)/wide)
	for i := range groups {
		at := time.Duration(i) * wide
		// A run may end just after a bucket began; that bucket tells no rate yet.
		groups[i] = group{at: at, width: max(min(wide, span-at), result.BucketWidth/2)}
	}
	for _, b := range buckets {
		if b.At < 0 {
			continue
		}
		g := &groups[b.At/wide]
		g.requests += b.Requests
		g.failed += b.Failed
		g.noTarget += b.NoTarget
		g.p50, g.p99, g.max = max(g.p50, b.P50), max(g.p99, b.P99), max(g.max, b.Max)
	}
	return groups
}

// A share is what happened from the beginning of a step until the next one began.
type share struct {
	requests, failed int
	longest          time.Duration
}

// shares gives each step its share of the buckets, to the nearest bucket.
func shares(r result.Result) []share {
	shares := make([]share, len(r.Steps))
	for i, s := range r.Steps {
		from, to := s.At.Truncate(result.BucketWidth), span(r)
		if i+1 < len(r.Steps) {
			to = r.Steps[i+1].At.Truncate(result.BucketWidth)
		}
		for _, b := range r.Buckets {
			// A step is charged for its own bucket even when the next begins within it.
			if b.At == from || b.At > from && b.At < to {
				shares[i].requests += b.Requests
				shares[i].failed += b.Failed
				shares[i].longest = max(shares[i].longest, b.Max)
			}
		}
	}
	return shares
}

// stores names the stores that somebody owned, the board's own three first.
func stores(owners []result.Ownership) []string {
	var names []string
	for _, known := range []string{"users", "threads", "posts"} {
		if slices.ContainsFunc(owners, func(o result.Ownership) bool { return o.Store == known }) {
			names = append(names, known)
		}
	}
	for _, o := range owners {
		if !slices.Contains(names, o.Store) {
			names = append(names, o.Store)
		}
	}
	return names
}
