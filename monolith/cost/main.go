// Command cost measures what requests cost the monolith as a whole process: CPU time for
// each request, durable creates a second, and memory. Run it from the repository's root:
//
//	go run ./monolith/cost
//
// It builds the monolith, imports a board that it makes up, and drives it over loopback
// from 32 keep-alive connections, the server on one core and the clients on the other.
// CPU time is the operating system's own account of the server process. Each round
// visits every route once, beside a bare net/http server that answers with as many
// bytes, and the medians over the rounds are printed: compare figures of one run only.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	var o options
	floor := flag.String("floor", "", "be the bare net/http server, at this address (used by the program itself)")
	flag.IntVar(&o.posts, "posts", 100_000, "how many posts the board has")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each route is measured")
	flag.DurationVar(&o.each, "each", 2*time.Second, "how long each route is driven in a round")
	flag.DurationVar(&o.soak, "soak", 0, "then drive all routes for this long and read the memory")
	flag.Parse()
	if *floor != "" {
		fmt.Fprintln(os.Stderr, "cost:", serveFloor(*floor))
		os.Exit(1)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

type options struct {
	posts, rounds int
	each, soak    time.Duration
}

// routes are what is measured; the board has 100 posts in every thread.
func routes() []route {
	return []route{
		{name: "GET one user", path: "/api/users/1"},
		{name: "GET 6 posts of a thread", path: "/api/posts/in-thread/2?pageSize=6"},
		{name: "GET 100 posts of a thread", path: "/api/posts/in-thread/2"},
		{name: "GET a page of 1,000 posts", path: "/api/posts?pageSize=1000"},
		{name: "POST a post", path: "/api/posts", body: `{"thread":3,"user":1,"text":"a post of about the length that posts have"}`},
	}
}

func run(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "splitboard-cost-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	board, err := startBoard(ctx, dir, o.posts)
	if err != nil {
		return err
	}
	defer board.stop()
	bare, err := startFloor(ctx)
	if err != nil {
		return err
	}
	defer bare.stop()
	idle, err := board.anonymousKiB()
	if err != nil {
		return err
	}
	fmt.Printf("the monolith with %d posts, idle: RssAnon %.1f MiB\n\n", o.posts, float64(idle)/1024)
	if err := measureRoutes(ctx, o, board, bare); err != nil {
		return err
	}
	if err := measureWrites(ctx, o, board, dir); err != nil {
		return err
	}
	if o.soak == 0 {
		return nil
	}
	return soak(ctx, o, board)
}

// soak drives all routes at once and prints the memory's peak and end.
func soak(ctx context.Context, o options, board *process) error {
	peak, last := 0, 0
	for end := time.Now().Add(o.soak); time.Now().Before(end); {
		for _, r := range routes() {
			if _, err := drive(ctx, board.addr, r.request(0), 32, 500*time.Millisecond); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			kib, err := board.anonymousKiB()
			if err != nil {
				return err
			}
			peak, last = max(peak, kib), kib
		}
	}
	fmt.Printf("\nafter %v of load: RssAnon %.1f MiB, at most %.1f MiB\n", o.soak, float64(last)/1024, float64(peak)/1024)
	return nil
}
