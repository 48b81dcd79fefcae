package account

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/verify/account/emulator"
	"github.com/splitboard/splitboard/deploy/verify/account/front"
)

const (
	stack = "splitboard"
	// scriptTimeout is how long a script may take.
	scriptTimeout = 4 * time.Minute
	// cleanUpTime is what is left for ending all that runs, when the test has taken too long.
	cleanUpTime = 30 * time.Second
	// nap is how long the scripts sleep between two questions, which is 3 s for them.
	nap = "0.5"
)

// scripts runs the scripts in deploy/ecs.
type scripts struct {
	account *Account
	env     []string
	calls   []string // the changing ones, after a line for each script
}

// newScripts makes what people have who run the scripts: credentials, and Go's image.
func newScripts(t *testing.T, a *Account) *scripts {
	t.Helper()
	began := time.Now()
	image, err := a.Engine.GoImage(t.Context(), filepath.Join(folder(t), "../.."))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("Go's image took %s", time.Since(began).Round(time.Second))
	bin, err := os.MkdirTemp("", "bin") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(bin) })
	cli, err := emulator.StartCLI(t.Context(), "emulator", bin)
	if err != nil {
		t.Fatal(err)
	}
	if cli != nil {
		t.Cleanup(func() {
			if err := cli.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "sleep"), []byte("#!/bin/sh\nexec "+sleep+" "+nap+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	env := slices.DeleteFunc(slices.Clone(a.Engine.Env()), func(each string) bool { return strings.HasPrefix(each, "AWS_") })
	return &scripts{account: a, env: append(env,
		"PATH="+bin+":"+os.Getenv("PATH"), "GO_IMAGE="+image, "GOPROXY=",
		// Where docker's engine runs, too, podman is to be taken: it has Go's image.
		"DOCKER_HOST=unix:///nowhere",
		"AWS_ACCESS_KEY_ID=played", "AWS_SECRET_ACCESS_KEY=played", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "NO_PROXY=127.0.0.1",
	)}
}

// run runs a script to its end, which must be a good one. given are its options, and the
// words after <region> <stack>.
func (s *scripts) run(t *testing.T, script string, given ...string) {
	t.Helper()
	began := time.Now()
	before := len(s.account.Front.Calls())
	out, err := s.start(t, folder(t), script, given)
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	t.Logf("%s %s took %s\n%s", script, strings.Join(given, " "), time.Since(began).Round(time.Second), out)
	s.calls = append(s.calls, fmt.Sprintf("# %s %s", script, strings.Join(given, " ")))
	s.calls = append(s.calls, lines(s.changing(before), s.account)...)
}

// start runs a script of a folder with the options and words.
func (s *scripts) start(t *testing.T, folder, script string, given []string) (out []byte, err error) {
	t.Helper()
	limit := time.Now().Add(scriptTimeout)
	if end, ok := t.Deadline(); ok && end.Add(-cleanUpTime).Before(limit) {
		limit = end.Add(-cleanUpTime)
	}
	ctx, cancel := context.WithDeadline(t.Context(), limit)
	defer cancel()
	args := append([]string{"--endpoint-url", s.account.Front.URL(), Region, stack}, given...)
	cmd := exec.CommandContext(ctx, filepath.Join(folder, script), args...)
	cmd.Env = s.env
	cmd.WaitDelay = time.Second
	return cmd.CombinedOutput()
}

// changing gives the changing calls since a number of calls.
func (s *scripts) changing(since int) []front.Call {
	return slices.DeleteFunc(s.account.Front.Calls()[since:], func(c front.Call) bool { return !c.Changing() })
}

// lines writes calls down.
func lines(calls []front.Call, of *Account) []string {
	var lines []string
	for _, call := range calls {
		line := of.line(call)
		// A handoff that was broken off is tried again.
		if runs(call, "handoff") && len(lines) > 0 && lines[len(lines)-1] == line {
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

// runs tells whether a call runs a command of the board in a task of its own.
func runs(call front.Call, command string) bool {
	words := overridden(call.Parameters)
	return call.Action == "RunTask" && len(words) > 0 && words[0] == command
}

// changesNothing runs a script that has been run before. It may ask who owns the stores.
func (s *scripts) changesNothing(t *testing.T, script string, given ...string) {
	t.Helper()
	began := time.Now()
	before := len(s.account.Front.Calls())
	out, err := s.start(t, folder(t), script, given)
	if err != nil {
		t.Fatalf("%s, once more: %v\n%s", script, err, out)
	}
	t.Logf("%s %s, once more, took %s\n%s", script, strings.Join(given, " "), time.Since(began).Round(time.Second), out)
	for _, call := range s.changing(before) {
		if !runs(call, "status") {
			t.Errorf("%s, once more, has made the call %s", script, s.account.line(call))
		}
	}
}

// loses runs a script that lacks some lines, and wants requests to fail.
func (s *scripts) loses(t *testing.T, script, lines string) {
	t.Helper()
	broken := filepath.Join(t.TempDir(), "deploy", "ecs")
	if err := os.CopyFS(broken, os.DirFS(folder(t))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(broken, script)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), lines) != 1 {
		t.Fatalf("%s has no lines to leave out\n%s", script, lines)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), lines, "", 1)), 0o755); err != nil {
		t.Fatal(err)
	}
	people := s.account.let(t)
	out, _ := s.start(t, broken, script, nil) // it may well notice that something is wrong
	people.leave()
	f := people.pool.Figures()
	t.Logf("without a step of %s, %d of %d requests failed", script, f.Failed, f.Requests)
	if f.Failed == 0 {
		t.Errorf("%s lacks a step, and no request failed:\n%s", script, out)
	}
}
