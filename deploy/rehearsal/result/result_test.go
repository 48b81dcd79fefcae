package result

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// good is a run that passes.
func good() Result {
	return Result{
		Title: "Cutover", Version: "v1", Start: time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC), Took: 61250 * time.Millisecond,
		Order: "tutorial", Seed: 7,
		Verdict: Verdict{
			Requests: 10, Reads: 6, Writes: 4, Acknowledged: 4,
			P50: 700 * time.Microsecond, P99: 3 * time.Millisecond, Max: 14 * time.Millisecond, LongestHold: 12345 * time.Microsecond,
		},
		Steps:   []Step{{Name: "delete the rule", At: time.Second, Took: 20 * time.Millisecond}},
		Owners:  []Ownership{{Store: "users", Instance: "a1", Binary: "monolith", Epoch: 1, To: time.Second}},
		Buckets: []Bucket{{At: 100 * time.Millisecond, Requests: 10, P50: 700 * time.Microsecond, P99: time.Millisecond, Max: 2 * time.Second}},
	}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Result)
		why   string // "" for a run that passes
	}{
		"good":                   {func(*Result) {}, ""},
		"failed":                 {func(r *Result) { r.Verdict.Failed = 3 }, "3 requests failed"},
		"one failed":             {func(r *Result) { r.Verdict.Failed = 1 }, "1 request failed"},
		"lost":                   {func(r *Result) { r.Verdict.Lost = 1 }, "1 acknowledged write is lost"},
		"doubled":                {func(r *Result) { r.Verdict.Doubled = 2 }, "2 writes are in the stores more than once"},
		"a step failed":          {func(r *Result) { r.Steps[0].Failed = "exit status 4" }, "step 1 (delete the rule) failed: exit status 4"},
		"no target":              {func(r *Result) { r.Verdict.NoTarget = 2 }, "2 requests found no target, though"},
		"no target, but a gap":   {func(r *Result) { r.Verdict.NoTarget, r.Gap = 2, true }, ""},
		"nothing sent":           {func(r *Result) { r.Verdict = Verdict{} }, "no request was sent"},
		"nothing written":        {func(r *Result) { r.Verdict.Acknowledged = 0 }, "no write was acknowledged"},
		"passed before, no more": {func(r *Result) { Judge(r); r.Verdict.Failed = 1 }, "1 request failed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := good()
			c.spoil(&r)
			Judge(&r)
			v := r.Verdict
			if c.why == "" && (!v.Pass || len(v.Why) != 0) {
				t.Errorf("pass is %t, why %q; want it to pass", v.Pass, v.Why)
			}
			if c.why != "" && (v.Pass || len(v.Why) != 1 || !strings.HasPrefix(v.Why[0], c.why)) {
				t.Errorf("pass is %t, why %q; want %q", v.Pass, v.Why, c.why)
			}
		})
	}
}

func TestJudgeNamesEveryReason(t *testing.T) {
	r := good()
	r.Verdict.Failed, r.Verdict.Lost, r.Verdict.Doubled = 1, 1, 1
	Judge(&r)
	Judge(&r) // reasons do not add up
	if len(r.Verdict.Why) != 3 {
		t.Errorf("why: %q; want three reasons", r.Verdict.Why)
	}
}

func TestJSON(t *testing.T) {
	r := good()
	Judge(&r)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"took":"1m1.25s"`, `"longestHold":"12.345ms"`, `"max":"2s"`, `"at":"1s"`, `"to":"1s"`, `"from":"0s"`, `"pass":true`, `"order":"tutorial"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	var back Result
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, r) {
		t.Errorf("read back:\n%+v\nwant\n%+v", back, r)
	}
	if err := json.Unmarshal([]byte(`{"took":"soon"}`), &back); err == nil {
		t.Error("a duration that is none is read")
	}
}

// TestJSONDurations finds a duration that a shadow has forgotten: it would be a number.
func TestJSONDurations(t *testing.T) {
	for _, value := range []any{Result{}, Step{}, Bucket{}, Ownership{}, Verdict{}} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		for field := range reflect.TypeOf(value).Fields() {
			if field.Type != reflect.TypeFor[time.Duration]() {
				continue
			}
			if got := fields[field.Tag.Get("json")]; got != "0s" {
				t.Errorf("%T.%s is %v in JSON, not \"0s\"", value, field.Name, got)
			}
		}
	}
}
