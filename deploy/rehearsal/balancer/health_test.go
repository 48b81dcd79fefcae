package balancer

import (
	"testing"
	"time"
)

func TestOpinion(t *testing.T) {
	thresholds := HealthCheck{Healthy: 3, Unhealthy: 2}
	for _, test := range []struct {
		name   string
		from   State
		checks string // + is a good one
		want   []State
	}{
		{"one is enough for a new target", Initial, "+", []State{Healthy}},
		{"a new target fails", Initial, "--", []State{Initial, Unhealthy}},
		{"a new target fails once", Initial, "-+", []State{Initial, Healthy}},
		{"not two in a row", Healthy, "-+-+-", []State{Healthy, Healthy, Healthy, Healthy, Healthy}},
		{"two in a row", Healthy, "--", []State{Healthy, Unhealthy}},
		{"three to come back", Unhealthy, "+++", []State{Unhealthy, Unhealthy, Healthy}},
		{"not three in a row", Unhealthy, "++-++", []State{Unhealthy, Unhealthy, Unhealthy, Unhealthy, Unhealthy}},
		{"down and up", Initial, "+--+++", []State{Healthy, Healthy, Unhealthy, Unhealthy, Unhealthy, Healthy}},
	} {
		o := opinion{state: test.from}
		for i, check := range test.checks {
			if o = o.after(check == '+', thresholds); o.state != test.want[i] {
				t.Errorf("%s: after %s it is %s, not %s", test.name, test.checks[:i+1], o.state, test.want[i])
			}
		}
	}
}

func TestWants(t *testing.T) {
	for _, test := range []struct {
		codes string
		code  int
		want  bool
	}{
		{"200", 200, true}, {"200", 201, false}, {"200", 503, false},
		{"200,204", 204, true}, {"200-299,404", 250, true}, {"200-299,404", 404, true}, {"200-299,404", 300, false},
	} {
		if got := (HealthCheck{Codes: test.codes}).wants(test.code); got != test.want {
			t.Errorf("%s wants %d: %t", test.codes, test.code, got)
		}
	}
}

func TestScaled(t *testing.T) {
	h := HealthCheck{Interval: 6 * time.Second, Timeout: 5 * time.Second}
	if got := h.scaled(0); got != h {
		t.Errorf("without a scale: %+v", got)
	}
	if got := h.scaled(2); got.Interval != 3*time.Second || got.Timeout != 2500*time.Millisecond {
		t.Errorf("by 2: %+v", got)
	}
	if got := h.scaled(60); got.Interval != 100*time.Millisecond || got.Timeout != minCheckTimeout {
		t.Errorf("by 60: %+v", got)
	}
}
