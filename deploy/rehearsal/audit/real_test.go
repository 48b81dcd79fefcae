package audit

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// TestKilledMonolith loads the real thing, kills it under the load and starts it again:
// requests fail, and nothing else is wrong. The audit sees what is then taken from the
// board behind its back.
func TestKilledMonolith(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	programs, err := cast.Build(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	// In a folder with a short name: sockets are made below it.
	data, err := os.MkdirTemp("/tmp", "sb") //nolint:usetesting // t.TempDir's names are too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	monolith := &cast.Process{Name: "the monolith", Program: programs.Path(cast.Monolith), Args: []string{"--data", data, "--drain", "0s"}}
	t.Cleanup(func() {
		if err := monolith.Kill(); err != nil {
			t.Error(err)
		}
	})
	if err := monolith.Start(ctx); err != nil {
		t.Fatal(err)
	}
	// The addresses stay what they are.
	http, grpc := monolith.HTTP(), monolith.GRPC()
	at := func(string) string { return http }
	before, err := Read(ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	c := load.Default()
	c.Rate = 1000
	c.REST = at
	c.GRPC = func(string) string { return grpc }
	pool := load.New(c)
	loading, end := context.WithCancel(ctx)
	defer end()
	done := make(chan struct{})
	go func() {
		pool.Run(loading)
		close(done)
	}()
	reach := func(acknowledged int) {
		look := time.NewTicker(time.Millisecond)
		defer look.Stop()
		for pool.Figures().Acknowledged < acknowledged {
			select {
			case <-look.C:
			case <-ctx.Done():
				t.Fatalf("%d writes were not reached: %+v", acknowledged, pool.Figures())
			}
		}
	}
	reach(300)
	if err := monolith.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := monolith.Start(ctx); err != nil {
		t.Fatal(err)
	}
	reach(600)
	end()
	<-done
	after, err := Read(ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	records := pool.Records()
	f := Audit(records, before, after)
	t.Logf("%+v; %s", pool.Figures(), &f)
	if !f.OK() {
		t.Error(&f)
	}
	if pool.Figures().Failed == 0 {
		t.Error("no request failed, though the board was away")
	}
	deleted := map[int64]bool{}
	for _, r := range records {
		deleted[r.ID] = deleted[r.ID] || r.Kind.Deletes()
	}
	for _, r := range records {
		if r.Kind == load.CreatePost && !r.Failed() && !deleted[r.ID] {
			delete(after[load.Posts], r.ID)
			break
		}
	}
	if f := Audit(records, before, after); len(f.Lost) != 1 {
		t.Errorf("a post was taken, and the audit says: %s", &f)
	}
}
