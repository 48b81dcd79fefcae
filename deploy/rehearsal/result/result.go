// Package result is what a finished rehearsal has to tell: what was done and when, how
// the board answered meanwhile, who owned which store, and the verdict.
//
// Times are offsets from the run's start. As JSON, durations are Go's: "1.25ms".
package result

import "time"

// BucketWidth is the time that one bucket covers.
const BucketWidth = 100 * time.Millisecond

// A Result is one finished rehearsal.
type Result struct {
	Title   string        `json:"title"`
	Version string        `json:"version"`
	Start   time.Time     `json:"start"`
	Took    time.Duration `json:"took"`
	Order   string        `json:"order"`
	Seed    uint64        `json:"seed"`
	// Gap says that the order has a moment in which some path has no target: a request
	// that meets it was answered by the load balancer alone, and no process failed.
	Gap     bool        `json:"gap"`
	Verdict Verdict     `json:"verdict"`
	Steps   []Step      `json:"steps"`
	Owners  []Ownership `json:"owners"`
	Buckets []Bucket    `json:"buckets"`
}

// A Step is one thing that was done to the running board.
type Step struct {
	Name   string        `json:"name"`
	Detail string        `json:"detail,omitempty"`
	At     time.Duration `json:"at"`
	Took   time.Duration `json:"took"`
	// Failed says what went wrong, and is empty for a step that was done.
	Failed string `json:"failed,omitempty"`
}

// A Bucket is what clients saw of the requests that they sent within BucketWidth.
type Bucket struct {
	At       time.Duration `json:"at"`
	Requests int           `json:"requests"`
	Failed   int           `json:"failed"`
	NoTarget int           `json:"noTarget"`
	P50      time.Duration `json:"p50"`
	P99      time.Duration `json:"p99"`
	Max      time.Duration `json:"max"`
}

// An Ownership is the time that one process owned one store.
type Ownership struct {
	Store    string        `json:"store"`
	Instance string        `json:"instance"`
	Binary   string        `json:"binary"`
	Epoch    uint64        `json:"epoch"`
	From     time.Duration `json:"from"`
	// To is 0 for who still owned the store when the run ended.
	To time.Duration `json:"to"`
}

// A Verdict is the run in numbers, and whether it passed. Judge fills Pass and Why in;
// the numbers are counted by others.
type Verdict struct {
	Pass bool `json:"pass"`
	// Why has a sentence for each reason not to pass.
	Why          []string `json:"why,omitempty"`
	Requests     int      `json:"requests"`
	Reads        int      `json:"reads"`
	Writes       int      `json:"writes"`
	Acknowledged int      `json:"acknowledged"` // writes whose success the client was told
	Failed       int      `json:"failed"`       // without those that found no target
	NoTarget     int      `json:"noTarget"`
	Lost         int      `json:"lost"`    // acknowledged, and not in the stores
	Doubled      int      `json:"doubled"` // in the stores more than once
	Changed      int      `json:"changed"` // not as the client was told last
	Strange      int      `json:"strange"` // in the stores, and written by nobody
	// The latencies of all requests.
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
	// LongestHold is the longest that a process held a request back during a handoff.
	LongestHold time.Duration `json:"longestHold"`
}
