package result

import (
	"encoding/json"
	"time"
)

// A duration is a time.Duration that JSON has as text, exact and readable: "1.25ms".
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// Each type below has a shadow, which encoding/json writes from and reads into in its
// place: the value's own fields, by pointer, with durations put over by readable ones.

func shadowResult(r *Result) any {
	type plain Result
	return &struct {
		*plain

		Took *duration `json:"took"`
	}{(*plain)(r), (*duration)(&r.Took)}
}

func shadowStep(s *Step) any {
	type plain Step
	return &struct {
		*plain

		At   *duration `json:"at"`
		Took *duration `json:"took"`
	}{(*plain)(s), (*duration)(&s.At), (*duration)(&s.Took)}
}

func shadowBucket(b *Bucket) any {
	type plain Bucket
	return &struct {
		*plain

		At  *duration `json:"at"`
		P50 *duration `json:"p50"`
		P99 *duration `json:"p99"`
		Max *duration `json:"max"`
	}{(*plain)(b), (*duration)(&b.At), (*duration)(&b.P50), (*duration)(&b.P99), (*duration)(&b.Max)}
}

func shadowOwnership(o *Ownership) any {
	type plain Ownership
	return &struct {
		*plain

		From *duration `json:"from"`
		To   *duration `json:"to"`
	}{(*plain)(o), (*duration)(&o.From), (*duration)(&o.To)}
}

func shadowVerdict(v *Verdict) any {
	type plain Verdict
	return &struct {
		*plain

		P50         *duration `json:"p50"`
		P99         *duration `json:"p99"`
		Max         *duration `json:"max"`
		LongestHold *duration `json:"longestHold"`
	}{(*plain)(v), (*duration)(&v.P50), (*duration)(&v.P99), (*duration)(&v.Max), (*duration)(&v.LongestHold)}
}

// MarshalJSON has durations as text.
func (r Result) MarshalJSON() ([]byte, error) { return json.Marshal(shadowResult(&r)) }

// MarshalJSON has durations as text.
func (s Step) MarshalJSON() ([]byte, error) { return json.Marshal(shadowStep(&s)) }

// MarshalJSON has durations as text.
func (b Bucket) MarshalJSON() ([]byte, error) { return json.Marshal(shadowBucket(&b)) }

// MarshalJSON has durations as text.
func (o Ownership) MarshalJSON() ([]byte, error) { return json.Marshal(shadowOwnership(&o)) }

// MarshalJSON has durations as text.
func (v Verdict) MarshalJSON() ([]byte, error) { return json.Marshal(shadowVerdict(&v)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Result) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, shadowResult(r)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Step) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, shadowStep(s)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (b *Bucket) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, shadowBucket(b)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (o *Ownership) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, shadowOwnership(o)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Verdict) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, shadowVerdict(v)) }
