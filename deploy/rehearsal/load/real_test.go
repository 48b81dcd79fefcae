package load

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
)

// TestMonolith loads the real thing: no request fails, and as many enter it as are
// recorded.
func TestMonolith(t *testing.T) {
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
	monolith := &cast.Process{Name: "the monolith", Program: programs.Path(cast.Monolith), Args: []string{"--data", data, "--seed", "none", "--drain", "0s"}}
	t.Cleanup(func() {
		if err := monolith.Kill(); err != nil {
			t.Error(err)
		}
	})
	if err := monolith.Start(ctx); err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.REST = func(string) string { return monolith.HTTP() }
	c.GRPC = func(string) string { return monolith.GRPC() }
	p := New(c)
	records := run(t, p, 3000)
	for _, r := range records {
		if r.Failed() {
			t.Fatalf("a request failed: %+v", r)
		}
	}
	if code, err := monolith.Terminate(ctx); code != 0 || err != nil {
		t.Errorf("it ended with %d, %v\n%s", code, err, monolith.Log())
	}
	if n := monolith.Arrivals(); n != int64(len(records)) {
		t.Errorf("%d requests entered, and %d are recorded", n, len(records))
	}
	f := p.Figures()
	t.Logf("%d requests, %.0f a second, median %v, 99 %% within %v, at most %v", f.Requests, float64(f.Requests)/p.clock.now().Seconds(), f.P50, f.P99, f.Max)
}
