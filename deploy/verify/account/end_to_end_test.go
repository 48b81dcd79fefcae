package account

import (
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/splitboard/splitboard/deploy/verify/podman"
)

var (
	endToEnd = flag.Bool("end-to-end", false, "run the scripts in deploy/ecs against an account that is played here; fails if a tool is missing")
	update   = flag.Bool("update", false, "write testdata/calls.txt from what the scripts call now")
)

// The scripts as they are, one after the other, while people use the board: no request
// fails, nothing is lost, and nothing is left.
func TestEndToEnd(t *testing.T) {
	tools(t)
	a := start(t)
	empty := a.inventory(t)
	s := newScripts(t, a)

	s.run(t, "1-push-images.sh", "--platform", "linux/amd64", "--tag", "v1")
	s.changesNothing(t, "1-push-images.sh", "--platform", "linux/amd64", "--tag", "v1")
	s.run(t, "1-push-images.sh", "--platform", "linux/amd64", "--tag", "v2")
	s.run(t, "2-deploy-monolith.sh", "--tag", "v1", "--sample")
	b := openBoard(t, a)
	s.run(t, "3-deploy-services.sh", "--tag", "v1")
	s.changesNothing(t, "3-deploy-services.sh", "--tag", "v1")
	s.run(t, "4-cutover.sh")
	s.changesNothing(t, "4-cutover.sh")
	s.run(t, "rollback.sh")
	s.changesNothing(t, "rollback.sh")
	s.run(t, "2-deploy-monolith.sh", "--tag", "v2") // while it owns the stores
	s.run(t, "4-cutover.sh", "users")
	s.run(t, "rollback.sh", "users")
	s.run(t, "4-cutover.sh", "users")
	s.run(t, "4-cutover.sh", "all")
	s.run(t, "3-deploy-services.sh", "--tag", "v2")
	b.close(t)

	// The same with a mistake in a script is noticed.
	s.loses(t, "rollback.sh", "[[ $(jq -r .desiredCount <<<\"${found:-\"{}\"}\") != 0 ]] || scale api 1\nwait_until_serving api\n")

	s.run(t, "5-clean-up.sh", "--yes")
	left := slices.DeleteFunc(a.inventory(t), func(line string) bool { return slices.Contains(empty, line) })
	if len(left) != 1 || !strings.Contains(left[0], " ec2 volume ") {
		t.Errorf("after the clean-up there is not only the data volume:\n%s", strings.Join(left, "\n"))
	}
	s.changesNothing(t, "5-clean-up.sh", "--yes")

	// The volume is found again, with all that was on it.
	s.run(t, "1-push-images.sh", "--platform", "linux/amd64", "--tag", "v2")
	s.run(t, "2-deploy-monolith.sh", "--tag", "v2")
	b.isThere(t)
	s.run(t, "5-clean-up.sh", "--yes", "--delete-data")
	if now := a.inventory(t); !slices.Equal(now, empty) {
		t.Errorf("after the clean-up with --delete-data there is\n%s\nand at first there was\n%s", strings.Join(now, "\n"), strings.Join(empty, "\n"))
	}
	s.compareCalls(t)
	a.isQuiet(t)
}

// tools skips the test without the flag, and fails it if the flag is given and a tool is
// missing.
func tools(t *testing.T) {
	t.Helper()
	if !*endToEnd {
		t.Skip("SKIPPED: the scripts are run end to end only with -end-to-end, and need podman, buildah, runc, busybox, haproxy, jq, the aws CLI, and python3 with moto[server]")
	}
	errs := []error{podman.Missing()}
	for _, tool := range []string{"haproxy", "jq", "aws", "python3"} {
		if _, err := exec.LookPath(tool); err != nil {
			errs = append(errs, err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "python3", "-c", "import moto.server").CombinedOutput(); err != nil {
		errs = append(errs, fmt.Errorf("moto[server]: %w: %s", err, out))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// folder is deploy/ecs.
func folder(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../ecs")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func start(t *testing.T) *Account {
	t.Helper()
	a, err := Start(t.Context(), folder(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(a.story())
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// story is what there is to read after a failure.
func (a *Account) story() string {
	var b strings.Builder
	b.WriteString("calls:\n")
	for _, call := range a.Front.Calls() {
		if call.Changing() || call.Failed != "" {
			fmt.Fprintf(&b, "  %.400s\n", call.String())
		}
	}
	fmt.Fprintf(&b, "tasks, and what they wrote last:\n%s\nthe emulator's log:\n%s\nwent wrong by itself: %q\n", a.Scheduler.Story(), a.Emulator.Log(), a.Said())
	return b.String()
}

func (a *Account) inventory(t *testing.T) []string {
	t.Helper()
	lines, err := a.Emulator.Inventory(t.Context(), Region)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// isQuiet wants that nothing went wrong that no script has noticed.
func (a *Account) isQuiet(t *testing.T) {
	t.Helper()
	if said := a.Said(); len(said) > 0 {
		t.Errorf("went wrong by itself: %q", said)
	}
	if log := a.Emulator.Log(); strings.Contains(log, "Traceback") {
		t.Errorf("the emulator failed:\n%s", log)
	}
}
