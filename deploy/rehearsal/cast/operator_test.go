package cast

import (
	"errors"
	"testing"
)

// TestHandoff moves stores between two processes, and reads what they tell of it.
func TestHandoff(t *testing.T) {
	t.Parallel()
	first, operator := start(t)
	second := &Process{Name: "the second", Program: first.Program, Args: first.Args}
	t.Cleanup(func() {
		if err := second.Kill(); err != nil {
			t.Error(err)
		}
	})
	ctx := soon(t)
	if err := second.Start(ctx); err != nil {
		t.Fatal(err)
	}
	owner := func(service string) string {
		t.Helper()
		status, err := operator.Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		st, ok := status.Store(service)
		if !ok || !st.Served || st.Store.Epoch == 0 || len(status.Processes) != 2 || len(status.Processes[0].Stores) != 3 {
			t.Fatalf("the status is %+v", status)
		}
		return st.Owner.Instance
	}
	if got := owner(Users); got != first.Instance() {
		t.Errorf("%s owns the users, not the first", got)
	}

	moves, err := operator.Handoff(ctx, Users, second.Instance())
	if err != nil || len(moves) != 1 {
		t.Fatal(moves, err)
	}
	if m := moves[0]; m.Service != Users || m.From != first.Instance() || m.To != second.Instance() || m.Epoch < 2 || m.Took <= 0 {
		t.Errorf("the move is %+v", m)
	}
	if got := owner(Users); got != second.Instance() {
		t.Errorf("%s owns the users, not the second", got)
	}
	events, err := Journal(operator.Data, Users)
	if err != nil || len(events) < 3 {
		t.Fatal(events, err)
	}
	for i, want := range []struct{ event, instance string }{{"owns", first.Instance()}, {"hands-over", first.Instance()}, {"owns", second.Instance()}} {
		if e := events[i]; e.Event != want.event || e.Instance != want.instance || e.Time.IsZero() {
			t.Errorf("event %d is %+v, want %v", i, e, want)
		}
	}

	if moves, err := operator.Handoff(ctx, "", second.Instance()); err != nil {
		t.Error(moves, err)
	}
	for _, service := range []string{Users, Threads, Posts} {
		if got := owner(service); got != second.Instance() {
			t.Errorf("%s owns the %s, not the second", got, service)
		}
	}
	if _, err := operator.Handoff(ctx, Posts, "nobody"); ExitCode(err) != ExitNoTarget {
		t.Errorf("handing over to nobody: %v", err)
	}
	if _, err := operator.Handoff(ctx, "likes", "nobody"); ExitCode(err) != 2 {
		t.Errorf("handing over nothing: %v", err)
	}
	if ExitCode(errors.New("another")) != -1 || ExitCode(nil) != 0 {
		t.Error("an exit code of what did not exit")
	}
}
