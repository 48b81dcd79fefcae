package images

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/audit"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
	"github.com/splitboard/splitboard/deploy/verify/podman"
)

// An operator gives commands as the deployment's scripts do: each in a container of its
// own, of the monolith's task.
type operator struct {
	k       *kit
	folders map[string]string
}

func (o operator) command(t *testing.T, args ...string) podman.Outcome {
	t.Helper()
	spec := o.k.task(t, "api", o.folders)
	spec.Name, spec.Command, spec.MemoryMiB, spec.CPUShares, spec.Ports = "operator", args, 64, 64, nil
	out, err := o.k.RunToEnd(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// owners asks who owns which store.
func (o operator) owners(t *testing.T) map[string]string {
	t.Helper()
	out := o.command(t, "status", "--json")
	var board struct {
		Stores []struct {
			Service string `json:"service"`
			Owner   struct {
				Binary  string `json:"binary"`
				Version string `json:"version"`
			} `json:"owner"`
		} `json:"stores"`
	}
	if err := json.Unmarshal([]byte(out.Stdout), &board); err != nil || out.Code != 0 {
		t.Fatalf("status: %v\n%+v", err, out)
	}
	owners := make(map[string]string)
	for _, s := range board.Stores {
		owners[s.Service] = s.Owner.Binary
		if s.Owner.Version != version {
			t.Errorf("%s is owned by version %q", s.Service, s.Owner.Version)
		}
	}
	return owners
}

func (o operator) wantOwners(t *testing.T, users string) {
	t.Helper()
	if got, want := o.owners(t), map[string]string{"users": users, "threads": "monolith", "posts": "monolith"}; !maps.Equal(got, want) {
		t.Errorf("the owners are %v, want %v", got, want)
	}
}

// Two containers share a store's folder: one owns, the other forwards, and the store moves
// there and back by commands from a third while clients keep asking. No request fails and
// nothing is lost or doubled.
func TestContainersShareAStore(t *testing.T) {
	k := images(t)
	o := operator{k, k.volumes(t)}
	k.create(t, o.folders, "sample")
	api := k.run(t, k.task(t, "api", o.folders))
	healthy(t, api)
	o.wantOwners(t, "monolith")
	if out := o.command(t, "handoff", "users", "--to", "service"); out.Code != 5 {
		t.Errorf("a handoff to a service that does not run: %+v", out)
	}
	users := k.run(t, k.task(t, "users", o.folders))
	healthy(t, users)

	pool := load.Default()
	pool.Rate = 300
	pool.REST = entries(t, 3000, users, api)
	pool.GRPC = entries(t, 50051, users, api)
	l := begin(t, pool)
	const rounds = 3
	for range rounds {
		for _, to := range []string{"service", "monolith"} {
			l.more(t, 100)
			if out := o.command(t, "handoff", "users", "--to", to); out.Code != 0 {
				t.Fatalf("handoff to %s: %+v", to, out)
			}
			o.wantOwners(t, map[string]string{"service": "users", "monolith": "monolith"}[to])
		}
	}
	// SIGTERM is a handoff, too: the monolith's other stores have nobody to go to, and
	// users goes to its service.
	if out := o.command(t, "handoff", "users", "--to", "service"); out.Code != 0 {
		t.Fatalf("handoff: %+v", out)
	}
	next := k.task(t, "users", o.folders)
	next.Name = "users-next"
	after := k.run(t, next)
	healthy(t, after)
	l.enter(entries(t, 3000, after, api), entries(t, 50051, after, api))
	l.more(t, 100)
	log := stop(t, users)
	l.more(t, 100)
	l.end(t)
	if !strings.Contains(log, `"msg":"handed the store over"`) || holds(t, log) != 1+rounds {
		t.Errorf("on SIGTERM users logs\n%s", log)
	}
	o.wantOwners(t, "users")

	found := audit.Audit(l.pool.Records(), l.before, l.read(t))
	figures := l.pool.Figures()
	t.Logf("%+v; %s", figures, &found)
	if !found.OK() || figures.Failed > 0 {
		t.Errorf("%d of %d requests failed: %v; %s", figures.Failed, figures.Requests, l.failures(), &found)
	}
}

// holds counts the handoffs in a log that say how long requests were held.
func holds(t *testing.T, log string) (n int) {
	t.Helper()
	for line := range strings.Lines(log) {
		var event struct {
			Msg  string  `json:"msg"`
			Hold float64 `json:"hold_ms"`
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatal(err)
		}
		if event.Msg != "handed the store over" {
			continue
		}
		t.Logf("held for %.1f ms", event.Hold)
		if event.Hold > 0 && event.Hold < 2500 {
			n++
		}
	}
	return n
}

// entries gives where requests enter: those for users at its container, and all others at
// the monolith's.
func entries(t *testing.T, port int, users, api *podman.Container) func(string) string {
	t.Helper()
	of, others := addr(t, users, port), addr(t, api, port)
	return func(service string) string {
		if service == load.Users {
			return of
		}
		return others
	}
}

// An entry is where requests enter, which may change.
type entry struct {
	at atomic.Pointer[func(string) string]
}

func (e *entry) of(service string) string { return (*e.at.Load())(service) }

// A loading is a load that goes on.
type loading struct {
	pool   *load.Pool
	rest   *entry
	grpc   *entry
	before audit.Board
	stop   context.CancelFunc
	done   chan struct{}
}

func begin(t *testing.T, c load.Config) *loading {
	t.Helper()
	l := &loading{rest: new(entry), grpc: new(entry), done: make(chan struct{})}
	l.enter(c.REST, c.GRPC)
	c.REST = l.rest.of
	if c.GRPC != nil {
		c.GRPC = l.grpc.of
	}
	l.before = l.read(t)
	l.pool = load.New(c)
	ctx, cancel := context.WithCancel(t.Context())
	l.stop = cancel
	go func() { l.pool.Run(ctx); close(l.done) }()
	t.Cleanup(func() { cancel(); <-l.done })
	return l
}

// enter says where requests enter from now on.
func (l *loading) enter(rest, grpc func(string) string) {
	l.rest.at.Store(&rest)
	l.grpc.at.Store(&grpc)
}

// more waits until so many more requests are answered.
func (l *loading) more(t *testing.T, requests int) {
	t.Helper()
	want := l.pool.Figures().Requests + requests
	until(t, "more requests", time.Minute, func() error {
		if got := l.pool.Figures().Requests; got < want {
			return fmt.Errorf("%d of %d are answered", got, want)
		}
		return nil
	})
}

func (l *loading) end(t *testing.T) {
	t.Helper()
	l.stop()
	<-l.done
}

// read reads the board.
func (l *loading) read(t *testing.T) audit.Board {
	t.Helper()
	board, err := audit.Read(t.Context(), l.rest.of)
	if err != nil {
		t.Fatal(err)
	}
	return board
}

// failures gives what failed, a few.
func (l *loading) failures() []string {
	var list []string
	for _, r := range l.pool.Records() {
		if r.Failed() && len(list) < 5 {
			list = append(list, r.Kind.String()+" via "+r.Via+": "+r.Err)
		}
	}
	return slices.Compact(list)
}
