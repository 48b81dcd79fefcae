package report

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

const ms = time.Millisecond

// sample is a made-up run of the tutorial's order, there and back, in which every move of
// a store holds requests for a moment. It is the same each time.
func sample(took time.Duration) result.Result {
	random := rand.New(rand.NewPCG(1, 2))
	r := result.Result{
		Title: "The tutorial’s cutover, there and back", Version: "v0.3.0",
		Start: time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC), Took: took, Order: "tutorial", Seed: 42,
	}
	moment := func(share float64) time.Duration { return time.Duration(share * float64(took)).Truncate(ms) }
	step := func(share float64, lasts time.Duration, name, detail string) time.Duration {
		r.Steps = append(r.Steps, result.Step{Name: name, Detail: detail, At: moment(share), Took: lasts})
		return moment(share)
	}
	step(0.05, 820*ms, "Start users, threads and posts", "Three processes beside the monolith, each a forwarder for its store.")
	step(0.12, 40*ms, "Register their target groups", "Two good health checks each before a request goes there.")
	step(0.22, 3*ms, "Create the rules for /api/users*, /api/threads* and /api/posts*", "Below /api*, so nothing flows to them yet.")
	cut := step(0.31, 2*ms, "Delete the rule /api*", "The tutorial’s cutover: from here on the services answer, and forward to the monolith.")
	moves := []time.Duration{
		step(0.42, 21*ms, "Hand users off to its service", "splitboard handoff users --to service"),
		step(0.50, 18*ms, "Hand threads off to its service", "splitboard handoff threads --to service"),
		step(0.515, 26*ms, "Hand posts off to its service", "splitboard handoff posts --to service"),
	}
	back := step(0.68, 31*ms, "Hand all three back to the monolith", "splitboard handoff --to monolith")
	step(0.79, 2*ms, "Create the rule /api* again", "Above the others: the monolith answers.")
	step(0.90, 1240*ms, "Stop the three services", "SIGTERM; each drains as a forwarder.")

	for i, store := range []string{"users", "threads", "posts"} {
		gap, returns := 4*ms, back+time.Duration(i)*9*ms
		r.Owners = append(
			r.Owners,
			result.Ownership{Store: store, Instance: "4f2a91c07be3", Binary: "monolith", Epoch: 1, To: moves[i]},
			result.Ownership{Store: store, Instance: []string{"b81d02e6aa10", "77c4f09d3512", "0a95be41fd88"}[i], Binary: store, Epoch: 2, From: moves[i] + gap, To: returns},
			result.Ownership{Store: store, Instance: "4f2a91c07be3", Binary: "monolith", Epoch: 3, From: returns + gap},
		)
	}
	for t := time.Duration(0); t < took; t += result.BucketWidth {
		forwarded := 0.0 // a forwarded request takes a little longer
		if t > cut && t < moves[2] || t > back && t < moment(0.79) {
			forwarded = 0.09
		}
		p50 := 0.62 + forwarded + 0.05*random.NormFloat64()
		p99 := p50*3.1 + 0.4*math.Abs(random.NormFloat64())
		longest := p99*1.5 + 2*random.ExpFloat64()
		rate := 150 + 7*random.NormFloat64()
		if t < 600*ms {
			rate *= float64(t+100*ms) / float64(700*ms)
		}
		for _, move := range append(moves, back) {
			if t == move.Truncate(result.BucketWidth) {
				p99, longest = 9+4*random.Float64(), 17+14*random.Float64()
			}
		}
		b := result.Bucket{At: t, Requests: int(rate), P50: time.Duration(p50 * float64(ms)), P99: time.Duration(p99 * float64(ms)), Max: time.Duration(longest * float64(ms))}
		r.Buckets = append(r.Buckets, b)
		r.Verdict.Requests += b.Requests
		r.Verdict.Max = max(r.Verdict.Max, b.Max)
	}
	v := &r.Verdict
	v.Writes = v.Requests * 3 / 10
	v.Reads = v.Requests - v.Writes
	v.Acknowledged = v.Writes
	v.P50, v.P99, v.LongestHold = 640*time.Microsecond, 2870*time.Microsecond, 26400*time.Microsecond
	result.Judge(&r)
	return r
}
