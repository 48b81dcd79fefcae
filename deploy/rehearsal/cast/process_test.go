package cast

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// programs are built once, into a folder that TestMain removes.
var programs = sync.OnceValues(func() (Programs, error) {
	dir, err := os.MkdirTemp("", "splitboard-cast-")
	if err != nil {
		return "", err
	}
	built = dir
	return Build(context.Background(), dir)
})

var built string

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// start runs a monolith over an empty folder until the test's end.
func start(t *testing.T) (*Process, Operator) {
	t.Helper()
	built, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	// In a folder with a short name: sockets are made below it.
	data, err := os.MkdirTemp("/tmp", "sb") //nolint:usetesting // t.TempDir's names are too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	p := &Process{Name: "the monolith", Program: built.Path(Monolith), Args: []string{"--data", data, "--drain", "100ms"}}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	if err := p.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	return p, Operator{Program: p.Program, Data: data}
}

// soon ends when all that is waited for here should have happened.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// get asks a process, on a connection of its own.
func get(ctx context.Context, p *Process, path string) (body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.HTTP()+path, http.NoBody)
	if err != nil {
		return "", err
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req) //nolint:forbidigo // ctx has a time limit
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func TestLife(t *testing.T) {
	t.Parallel()
	p, operator := start(t)
	ctx := soon(t)
	for _, path := range []string{"/", "/api/", "/api/users", "/api/posts"} {
		if _, err := get(ctx, p, path); err != nil {
			t.Fatal(err)
		}
	}
	if err := operator.Check(ctx); ExitCode(err) <= 0 {
		t.Errorf("checking stores that are served: %v", err)
	}
	at, was := p.HTTP(), p.Instance()
	code, err := p.Terminate(ctx)
	if code != 0 || err != nil {
		t.Fatalf("it ended with %d, %v\n%s", code, err, p.Log())
	}
	if p.Arrivals() != 2 {
		t.Errorf("counted %d requests, want 2", p.Arrivals())
	}
	if _, err := p.Terminate(ctx); !errors.Is(err, errNotRunning) {
		t.Errorf("ending what has ended: %v", err)
	}
	if err := operator.Check(ctx); err != nil {
		t.Error(err)
	}

	if err := p.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if p.HTTP() != at || p.Instance() == was || was == "" {
		t.Errorf("started again, it is %s at %s; it was %s at %s", p.Instance(), p.HTTP(), was, at)
	}
	if err := p.Start(ctx); err == nil {
		t.Error("it was started while it ran")
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	if code, err := p.Wait(ctx); code != -1 || err != nil {
		t.Errorf("killed, it ended with %d, %v", code, err)
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
}

func TestHalt(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	if err := p.Halt(); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if body, err := get(short, p, "/"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("halted, it answered %q, %v", body, err)
	}
	if err := p.Continue(); err != nil {
		t.Fatal(err)
	}
	if body, err := get(soon(t), p, "/"); body != "Ready to receive requests" || err != nil {
		t.Errorf("continued, it answered %q, %v", body, err)
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	if err := p.Halt(); !errors.Is(err, errNotRunning) {
		t.Errorf("halting what has ended: %v", err)
	}
}

func TestFailedStart(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	second := &Process{Name: "a second", Program: p.Program, Args: []string{"--data", "/dev/null"}}
	if err := second.Start(soon(t)); err == nil || !strings.Contains(err.Error(), "ended before it was ready") || !strings.Contains(err.Error(), "/dev/null") {
		t.Errorf("starting over a folder that is none: %v", err)
	}
	sleeper := filepath.Join(t.TempDir(), "sleeper")
	if err := os.WriteFile(sleeper, []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	late := &Process{Name: "late", Program: sleeper}
	if err := late.Start(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("starting what is never ready: %v", err)
	}
	if late.Running() {
		t.Error("what was not ready in time is left running")
	}
	missing := &Process{Name: "missing", Program: "/no/such/program"}
	if err := missing.Start(soon(t)); err == nil || missing.Kill() != nil {
		t.Errorf("starting nothing: %v", err)
	}
}
