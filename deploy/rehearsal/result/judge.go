package result

import "fmt"

// Judge says whether the run passed, from its numbers and its steps, and if not, why.
//
// A run in which nothing could have gone wrong does not pass either: without requests, or
// without one acknowledged write, there is nothing that a cutover could have broken.
func Judge(r *Result) {
	v := &r.Verdict
	v.Why = nil
	because := func(n int, one, many string) {
		switch {
		case n == 1:
			v.Why = append(v.Why, "1 "+one)
		case n != 0:
			v.Why = append(v.Why, fmt.Sprintf("%d %s", n, many))
		}
	}
	because(v.Failed, "request failed", "requests failed")
	because(v.Lost, "acknowledged write is lost", "acknowledged writes are lost")
	because(v.Doubled, "write is in the stores more than once", "writes are in the stores more than once")
	because(v.Changed, "resource is not as its client was told", "resources are not as their clients were told")
	because(v.Strange, "resource is in the stores that nobody wrote", "resources are in the stores that nobody wrote")
	if !r.Gap {
		because(v.NoTarget,
			"request found no target, though this order leaves no path without one",
			"requests found no target, though this order leaves no path without one")
	}
	for i, step := range r.Steps {
		if step.Failed != "" {
			v.Why = append(v.Why, fmt.Sprintf("step %d (%s) failed: %s", i+1, step.Name, step.Failed))
		}
	}
	switch {
	case v.Requests == 0:
		v.Why = append(v.Why, "no request was sent")
	case v.Acknowledged == 0:
		v.Why = append(v.Why, "no write was acknowledged, so none could be lost")
	}
	v.Pass = len(v.Why) == 0
}
