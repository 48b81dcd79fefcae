package main

import (
	"context"
	"flag"
	"log/slog"
	"testing"
	"time"

	"github.com/splitboard/splitboard/edge"
	"github.com/splitboard/splitboard/internal/boardtest"
	"github.com/splitboard/splitboard/internal/serve"
	"github.com/splitboard/splitboard/services/posts"
	"github.com/splitboard/splitboard/services/threads"
	"github.com/splitboard/splitboard/services/users"
)

var walkPosts = flag.Int("posts", 5000, "how many posts TestWalk walks through")

// shapes are the ways to run the board.
var shapes = map[string]boardtest.Starter{
	"monolith":                   startMonolith,
	"services behind path rules": startBehindPathRules,
	"services behind the edge":   startBehindEdge,
	"a forwarder of the owner":   startForwarder,
}

func TestBoard(t *testing.T) {
	for name, start := range shapes {
		t.Run(name, func(t *testing.T) { boardtest.Run(t, start) })
	}
}

func TestWalk(t *testing.T) {
	for name, start := range shapes {
		t.Run(name, func(t *testing.T) { boardtest.Walk(t, start(t, ""), *walkPosts) })
	}
}

func startMonolith(t *testing.T, seed string) boardtest.Board {
	p := start(t, serve.Binary{
		Name: "monolith", Services: []serve.Service{users.Service(), threads.Service(), posts.Service()}, REST: edge.New,
	}, serve.Config{Seed: seed})
	return boardtest.Board{REST: p.HTTPAddr(), Users: p.GRPCAddr(), Threads: p.GRPCAddr(), Posts: p.GRPCAddr()}
}

// startForwarder is a monolith that owns nothing, beside one that owns all.
func startForwarder(t *testing.T, seed string) boardtest.Board {
	whole := serve.Binary{
		Name: "monolith", Services: []serve.Service{users.Service(), threads.Service(), posts.Service()}, REST: edge.New,
	}
	data := t.TempDir()
	start(t, whole, serve.Config{Seed: seed, Data: data})
	p := start(t, whole, serve.Config{NeverOwn: true, Data: data})
	return boardtest.Board{REST: p.HTTPAddr(), Users: p.GRPCAddr(), Threads: p.GRPCAddr(), Posts: p.GRPCAddr()}
}

func startBehindPathRules(t *testing.T, seed string) boardtest.Board {
	users, threads, posts := startServices(t, seed)
	return boardtest.Board{
		REST:  boardtest.PathRules(t, users.HTTPAddr(), threads.HTTPAddr(), posts.HTTPAddr()),
		Users: users.GRPCAddr(), Threads: threads.GRPCAddr(), Posts: posts.GRPCAddr(),
	}
}

func startBehindEdge(t *testing.T, seed string) boardtest.Board {
	users, threads, posts := startServices(t, seed)
	front := start(t, serve.Binary{Name: "edge", Upstreams: []string{"users", "threads", "posts"}, REST: edge.Standalone}, serve.Config{
		Peers: map[string]string{"users": users.GRPCAddr(), "threads": threads.GRPCAddr(), "posts": posts.GRPCAddr()},
	})
	return boardtest.Board{REST: front.HTTPAddr(), Users: users.GRPCAddr(), Threads: threads.GRPCAddr(), Posts: posts.GRPCAddr()}
}

// startServices starts the three services, each as a process of its own would run.
func startServices(t *testing.T, seed string) (u, th, p *serve.Process) {
	alone := func(s serve.Service, peers map[string]string) *serve.Process {
		return start(t, serve.Binary{Name: s.Name, Services: []serve.Service{s}, REST: edge.New}, serve.Config{Seed: seed, Peers: peers})
	}
	u = alone(users.Service(), nil)
	th = alone(threads.Service(), map[string]string{"users": u.GRPCAddr()})
	p = alone(posts.Service(), map[string]string{"users": u.GRPCAddr(), "threads": th.GRPCAddr()})
	return u, th, p
}

// start runs a binary on ports and in a folder of its own until the test ends.
func start(t *testing.T, b serve.Binary, c serve.Config) *serve.Process {
	t.Helper()
	c.HTTP, c.GRPC = "127.0.0.1:0", "127.0.0.1:0"
	if c.Data == "" {
		c.Data = t.TempDir()
	}
	c.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	p, err := serve.Start(t.Context(), b, c)
	if err != nil {
		t.Fatalf("starting %s: %v", b.Name, err)
	}
	t.Cleanup(func() {
		// The test's context has ended by now.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Errorf("stopping %s: %v", b.Name, err)
		}
	})
	return p
}
