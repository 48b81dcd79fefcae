package serve

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/splitboard/splitboard/internal/lease"
)

// handoff runs the command and gives its exit code and what it prints.
func handoff(data string, args ...string) (code int, stdout, stderr string) {
	return runFake(fakeBinary(nil), append([]string{"handoff", "--data", data}, args...)...)
}

func TestHandoffCommand(t *testing.T) {
	data := shared(t)
	service := startAs(t, "users", data, nil)
	monolith := startAs(t, "monolith", data, nil)
	id, err := create(t.Context(), service.Conn(), "x")
	if err != nil {
		t.Fatal(err)
	}
	epoch := 1
	for _, c := range []struct {
		to       string
		from, by *running
	}{
		{"monolith", service, monolith},
		{"service", monolith, service},
		{monolith.instance, service, monolith},
		{"users", monolith, service},
		{"monolith", service, monolith},
	} {
		code, out, errs := handoff(data, "users", "--to", c.to, "--dry-run")
		if want := "users: " + c.by.instance + " is able to own it; nothing was changed\n"; code != 0 || !strings.HasSuffix(out, want) || errs != "" || !c.from.owns() {
			t.Errorf("to %s, a dry run: exit %d\n%s%s", c.to, code, out, errs)
		}
		code, out, errs = handoff(data, "--to", c.to)
		epoch++
		want := fmt.Sprintf("users: moved from %s to %s in ", c.from.instance, c.by.instance)
		if code != 0 || errs != "" || strings.Count(out, "\n") != 10 || !strings.Contains(out, want) || !strings.Contains(out, fmt.Sprintf("epoch %d, ", epoch)) {
			t.Errorf("to %s: exit %d\n%s%s", c.to, code, out, errs)
		}
		if !c.by.owns() || c.from.owns() {
			t.Errorf("to %s: the target owns: %v, the other: %v", c.to, c.by.owns(), c.from.owns())
		}
		for _, r := range []*running{service, monolith} {
			if u, err := get(t.Context(), r.Conn(), id); err != nil || u.GetBio() != "x" {
				t.Errorf("to %s: %v, %v", c.to, u, err)
			}
		}
		code, out, errs = handoff(data, "users", "--to", c.to)
		if code != 0 || out != "users: "+c.by.instance+" owns it already\n" || errs != "" {
			t.Errorf("to %s again: exit %d\n%s%s", c.to, code, out, errs)
		}
	}
}

func TestHandoffCommandJSON(t *testing.T) {
	data := shared(t)
	from := startAs(t, "users", data, nil)
	to := startAs(t, "monolith", data, nil)
	if _, err := create(t.Context(), from.Conn(), "x"); err != nil {
		t.Fatal(err)
	}
	code, out, errs := handoff(data, "--to", "monolith", "--json")
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if code != 0 || errs != "" || len(lines) != 9 {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	for i, name := range []string{"asked", "gate-closed", "drained", "recorded", "told", "closed", "unlocked", "owned"} {
		var step handoffStep
		if err := json.Unmarshal([]byte(lines[i]), &step); err != nil || step.Service != "users" || step.Step != name {
			t.Errorf("step %d is %s, %v; want %s", i, lines[i], err, name)
		}
		if _, err := time.ParseDuration(step.Elapsed); err != nil {
			t.Error(err)
		}
	}
	var r handoffResult
	if err := json.Unmarshal([]byte(lines[8]), &r); err != nil || r.Service != "users" || r.From != from.instance || r.To != to.instance || !r.Moved || r.Epoch != 2 || r.Sequence < 1 || len(r.Checksum) != 16 {
		t.Errorf("the end is %s, %v", lines[8], err)
	}
	for _, d := range []string{r.Took, r.HoldP50, r.HoldP99, r.HoldMax} {
		if _, err := time.ParseDuration(d); err != nil {
			t.Errorf("%v in %s", err, lines[8])
		}
	}
	code, out, _ = handoff(data, "--to", "monolith", "--json")
	if r = (handoffResult{}); code != 0 || json.Unmarshal([]byte(out), &r) != nil || r.Moved || r.To != to.instance {
		t.Errorf("again: exit %d, %s", code, out)
	}
}

// Nothing is changed by a handoff that cannot be.
func TestHandoffCommandFails(t *testing.T) {
	data := shared(t)
	fails := func(code int, says string, args ...string) {
		t.Helper()
		if got, out, errs := handoff(data, args...); got != code || out != "" || !strings.Contains(errs, says) || strings.Count(errs, "\n") > 2 {
			t.Errorf("%v: exit %d, want %d and %q\n%s%s", args, got, code, says, out, errs)
		}
	}
	fails(exitFailure, "fake: users: no process serves this store: there is no folder "+data+"/users\n", "--to", "monolith")
	if err := os.Mkdir(filepath.Join(data, "users"), 0o700); err != nil {
		t.Fatal(err)
	}
	fails(exitFailure, "fake: users: no process serves this store\n", "--to", "monolith")
	owner := startAs(t, "users", data, nil)
	never := startAs(t, "monolith", data, neverOwn)
	fails(exitUsage, `fake has no "posts"`, "posts", "--to", "monolith")
	fails(exitUsage, "--to must say who shall own the store", "--to=")
	fails(exitUsage, "--to must say who", "users")
	fails(exitUsage, "--timeout must be positive", "--to", "monolith", "--timeout", "0s")
	fails(exitUsage, "--timeout must be positive", "--to", "monolith", "--timeout=-1s")
	fails(exitUsage, "--data is empty", "--to", "monolith", "--data=")
	fails(exitTarget, `no such target: no process in `+data+`/users is "edge"; status lists those that are there`, "--to", "edge")
	fails(exitTarget, "no such target", "--to", lease.NewInstance())
	fails(exitTarget, "fake: users: "+never.instance+" cannot own the store: it was started with --no-own\n", "--to", "monolith")
	fails(exitTarget, "cannot own the store: it was started with --no-own", "--to", never.instance, "--dry-run")
	// Another of that name is able.
	able := startAs(t, "monolith", data, nil)
	if code, out, errs := handoff(data, "--to", "monolith", "--dry-run"); code != 0 || !strings.Contains(out, able.instance+" is able") {
		t.Errorf("two, of which one is able: exit %d\n%s%s", code, out, errs)
	}
	if !owner.owns() {
		t.Error("the store has moved")
	}
}

// Work that does not end breaks a handoff off, and what was held runs at the owner.
func TestHandoffAborted(t *testing.T) {
	data := shared(t)
	owner := startAs(t, "users", data, nil)
	other := startAs(t, "monolith", data, nil)
	stuck := make(chan error, 1)
	go func() {
		_, err := get(t.Context(), other.Conn(), inStoreID)
		stuck <- err
	}()
	<-owner.users.running
	type ended struct {
		code      int
		out, errs string
	}
	done := make(chan ended, 1)
	go func() {
		code, out, errs := handoff(data, "--to", "monolith")
		done <- ended{code, out, errs}
	}()
	waitFor(t, "the gate to close", func() bool { return owner.leases["users"].Status().State == lease.StateMoving })
	if code, out, errs := handoff(data, "--to", owner.instance, "--timeout", "50ms"); code == 0 {
		t.Errorf("a second handoff meanwhile: exit %d\n%s%s", code, out, errs)
	}
	for _, r := range []*running{owner, other} {
		if _, err := create(t.Context(), r.Conn(), "held"); err != nil {
			t.Errorf("held meanwhile: %v", err)
		}
	}
	if e := <-done; e.code != exitAborted || !strings.HasPrefix(e.errs, "fake: users: the handoff was broken off, and "+owner.instance+" owns the store as before: the work in flight did not end") {
		t.Errorf("exit %d\n%s%s", e.code, e.out, e.errs)
	}
	if !owner.owns() || other.owns() {
		t.Errorf("the owner owns: %v, the other: %v", owner.owns(), other.owns())
	}
	close(owner.users.release)
	if err := <-stuck; err != nil {
		t.Errorf("the work in flight: %v", err)
	}
	// Now it can go.
	if code, out, errs := handoff(data, "--to", "monolith"); code != 0 {
		t.Errorf("when the work has ended: exit %d\n%s%s", code, out, errs)
	}
}

// Of handoffs at once each moves the store, finds it moved, or changes nothing.
func TestHandoffsAtOnce(t *testing.T) {
	data := shared(t)
	processes := []*running{startAs(t, "users", data, nil), startAs(t, "monolith", data, nil)}
	targets := []string{"service", "monolith", "service", "monolith"}
	moved := 0
	for range 10 {
		var running sync.WaitGroup
		codes, texts := make([]int, len(targets)), make([]string, len(targets))
		for i, to := range targets {
			running.Go(func() {
				var out, errs string
				codes[i], out, errs = handoff(data, "--to", to)
				texts[i] = out + errs
			})
		}
		running.Wait()
		for i, code := range codes {
			if code != 0 && code != exitAborted {
				t.Errorf("to %s: exit %d\n%s", targets[i], code, texts[i])
			}
			moved += strings.Count(texts[i], ": moved from ")
		}
		waitFor(t, "one owner", func() bool { return processes[0].owns() != processes[1].owns() })
		for _, r := range processes {
			if _, err := create(t.Context(), r.Conn(), "x"); err != nil {
				t.Error(err)
			}
		}
	}
	if moved < 5 {
		t.Errorf("the store has moved %d times", moved)
	}
}
