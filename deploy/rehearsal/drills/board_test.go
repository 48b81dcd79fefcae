package drills

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/audit"
	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// services are the board's, each after those that it asks.
var services = []string{load.Users, load.Threads, load.Posts}

var onDisk = flag.Bool("disk", false, "keep the boards on the disk, and not in memory where the system can")

// patience is how long anything may take that a drill waits for.
const patience = 30 * time.Second

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// A board is a data folder, and the processes that have been started on it.
type board struct {
	programs  cast.Programs
	folder    string // of all that the drill writes
	data      string
	processes []*cast.Process
	arrived   arrivals
	before    audit.Board // what is on it before anybody asks; nil for nothing
}

// newBoard makes a board without processes, which are killed when the test ends.
func newBoard(t *testing.T, programs func() (cast.Programs, error)) *board {
	t.Helper()
	built, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := cast.Folder(*onDisk || *gigabyte)
	if err != nil {
		t.Fatal(err)
	}
	b := &board{programs: built, folder: folder, data: filepath.Join(folder, "d")}
	t.Cleanup(func() {
		for _, p := range b.processes {
			if err := p.Kill(); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.Logf("the log of %s:\n%s", p.Name, p.Log())
			}
		}
		_ = os.RemoveAll(folder)
	})
	return b
}

// add makes a process that is not started. No two of a board have the same name.
func (b *board) add(name, program string, args ...string) *cast.Process {
	p := &cast.Process{
		Name: name, Program: b.programs.Path(program),
		Args:   append([]string{"--data", b.data, "--seed", "none", "--drain", "0s"}, args...),
		Env:    []string{"SPLITBOARD_FAILPOINTS=" + b.points(name)},
		Access: b.arrived.add,
	}
	b.processes = append(b.processes, p)
	return p
}

// start adds a process and starts it.
func (b *board) start(t *testing.T, name, program string, args ...string) *cast.Process {
	t.Helper()
	p := b.add(name, program, args...)
	restart(t, p)
	return p
}

// restart starts a process that does not run, at the addresses that it had if it has run.
func restart(t *testing.T, p *cast.Process) {
	t.Helper()
	if err := p.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// startServices starts the three services. Each asks the others' own processes, and the
// monolith when they do not answer.
func (b *board) startServices(t *testing.T, monolith *cast.Process) map[string]*cast.Process {
	t.Helper()
	own := map[string]*cast.Process{}
	for _, name := range services {
		own[name] = b.start(t, name, name, peers(name, own, monolith)...)
	}
	return own
}

// peers gives the flags of a service with the addresses of those that it asks.
func peers(service string, own map[string]*cast.Process, monolith *cast.Process) []string {
	var flags []string
	for _, peer := range services[:slices.Index(services, service)] {
		flags = append(flags, "--"+peer+"-addr", own[peer].GRPC()+","+monolith.GRPC())
	}
	return flags
}

// points gives the path of the file with a process's fail points.
func (b *board) points(process string) string {
	return filepath.Join(b.folder, strings.ReplaceAll(process, " ", "-")+".points")
}

// arm sets a process's fail points, whether or not it runs: one a line, none to disarm it.
func (b *board) arm(t *testing.T, p *cast.Process, lines ...string) {
	t.Helper()
	path := b.points(p.Name)
	text := []byte(strings.Join(lines, "\n"))
	// Replaced as a whole, so that nobody reads half of it.
	if err := errors.Join(os.WriteFile(path+".new", text, 0o600), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

// operator gives the commands of the program of all services.
func (b *board) operator() cast.Operator {
	return cast.Operator{Program: b.programs.Path(cast.Monolith), Data: b.data}
}

// handoff moves a store to a process, or to "service" or "monolith".
func (b *board) handoff(t *testing.T, service, to string) cast.Move {
	t.Helper()
	moves, err := b.operator().Handoff(soon(t), service, to)
	if err != nil {
		t.Fatalf("handing %s to %s: %v", service, to, err)
	}
	if len(moves) != 1 || moves[0].Service != service {
		t.Fatalf("handing %s to %s: it moved %+v", service, to, moves)
	}
	return moves[0]
}

// owner gives the process that owns a service's store, or nil if nobody does right now.
func (b *board) owner(t *testing.T, service string) *cast.Process {
	t.Helper()
	status, err := b.operator().Status(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	st, _ := status.Store(service)
	if !st.Served {
		return nil
	}
	for _, p := range b.processes {
		if p.Running() && p.Instance() == st.Owner.Instance {
			return p
		}
	}
	return nil
}

// mustOwn gives the process that owns a service's store.
func (b *board) mustOwn(t *testing.T, service string) *cast.Process {
	t.Helper()
	p := b.owner(t, service)
	if p == nil {
		t.Fatalf("nobody owns the %s", service)
	}
	return p
}

// waitServed waits until all stores are served.
func (b *board) waitServed(t *testing.T) {
	t.Helper()
	waitFor(t, "all stores are served", func() bool {
		return !slices.ContainsFunc(services, func(s string) bool { return b.owner(t, s) == nil })
	})
}

// waitFor asks a condition again until it holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx := soon(t)
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("it never came that %s", what)
		}
	}
}

// terminate ends a process in order.
func terminate(t *testing.T, p *cast.Process) {
	t.Helper()
	if code, err := p.Terminate(soon(t)); err != nil || code != 0 {
		t.Errorf("%s ended with %d, %v\n%s", p.Name, code, err, p.Log())
	}
}

// stop terminates all that runs, and has the stores checked, which nobody serves then. A
// process that has ended by itself, and for a reason, is an error.
func (b *board) stop(t *testing.T) error {
	t.Helper()
	var errs []error
	for _, p := range b.processes {
		end := p.Wait
		if p.Running() {
			end = p.Terminate
		} else if p.Done() == nil {
			continue // it was never started
		}
		if code, err := end(soon(t)); err != nil || code > 0 {
			errs = append(errs, fmt.Errorf("%s ended with %d: %w\n%s", p.Name, code, err, p.Log()))
		}
	}
	return errors.Join(append(errs, b.operator().Check(soon(t)))...)
}

// read reads all that is on a board without processes.
func (b *board) read(t *testing.T) audit.Board {
	t.Helper()
	reader := &cast.Process{
		Name: "the reader", Program: b.programs.Path(cast.Monolith),
		Args: []string{"--data", b.data, "--create", "never", "--drain", "0s"},
	}
	restart(t, reader)
	defer terminate(t, reader)
	// There may be much to read.
	ctx, cancel := context.WithTimeout(t.Context(), 10*patience)
	defer cancel()
	all, err := audit.Read(ctx, func(string) string { return reader.HTTP() })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// An outcome is how a drill has ended.
type outcome struct {
	records []load.Record
	failed  []string // of them, described
	found   audit.Finding
	damage  error // processes that failed, and stores that are not sound
}

// end ends a load and then the board, and holds what is on it against what was asked.
func (b *board) end(t *testing.T, a *asking) outcome {
	t.Helper()
	o := outcome{records: a.stop(t), damage: b.stop(t)}
	o.failed, o.found = failures(o.records), audit.Audit(o.records, b.before, b.read(t))
	return o
}

// wantServed fails unless every request was answered with success, every write was done
// once, and all is sound.
func (o *outcome) wantServed(t *testing.T) {
	t.Helper()
	if len(o.failed) > 0 {
		t.Errorf("%d of %d requests failed:\n%s", len(o.failed), len(o.records), strings.Join(o.failed[:min(len(o.failed), 10)], "\n"))
	}
	if !o.found.OK() {
		t.Error(&o.found)
	}
	if o.damage != nil {
		t.Error(o.damage)
	}
	if !slices.ContainsFunc(o.records, func(r load.Record) bool { return r.Kind.Write() }) {
		t.Error("nobody wrote anything")
	}
}

// wantEntered fails unless each request has entered the board once. No process may have
// been killed that clients enter through.
func (b *board) wantEntered(t *testing.T, o *outcome) {
	t.Helper()
	if n := b.arrived.count(); n != len(o.records) {
		t.Errorf("%d requests have entered, and clients sent %d", n, len(o.records))
	}
}
