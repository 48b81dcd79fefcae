package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// measureRoutes prints the CPU time of a request on each route, beside the floor.
func measureRoutes(ctx context.Context, o options, board, bare *process) error {
	all := routes()
	costs, floors := make([][]float64, len(all)), make([][]float64, len(all))
	for range o.rounds {
		for i, r := range all {
			length, err := lengthOf(ctx, board.addr, r.request(0))
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			cost, err := microseconds(ctx, board, r.request(0), o.each)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			floor, err := microseconds(ctx, bare, r.request(length), o.each)
			if err != nil {
				return fmt.Errorf("the bare server: %w", err)
			}
			costs[i], floors[i] = append(costs[i], cost), append(floors[i], floor)
		}
	}
	fmt.Printf("%-28s %12s %12s %8s\n", "CPU a request", "monolith", "net/http", "ratio")
	for i, r := range all {
		cost, floor := median(costs[i]), median(floors[i])
		fmt.Printf("%-28s %9.1f µs %9.1f µs %8.2f\n", r.name, cost, floor, cost/floor)
	}
	return nil
}

// microseconds drives a server and gives its CPU time for each answer.
func microseconds(ctx context.Context, p *process, request []byte, d time.Duration) (float64, error) {
	before, err := p.cpu()
	if err != nil {
		return 0, err
	}
	answers, err := drive(ctx, p.addr, request, 32, d)
	if err != nil {
		return 0, err
	}
	after, err := p.cpu()
	if err != nil {
		return 0, err
	}
	return float64((after - before).Microseconds()) / float64(answers), nil
}

// measureWrites prints durable creates a second beside the disk's own rate of syncs.
func measureWrites(ctx context.Context, o options, board *process, dir string) error {
	syncs, err := syncRate(dir, o.each)
	if err != nil {
		return err
	}
	fmt.Printf("\nfdatasync of 4 KiB on this disk: %.0f a second\n%-28s %12s\n", syncs, "durable creates", "a second")
	create := routes()[len(routes())-1].request(0)
	for _, writers := range []int{1, 16, 64, 256} {
		var rates []float64
		for range o.rounds {
			n, err := drive(ctx, board.addr, create, writers, o.each)
			if err != nil {
				return err
			}
			rates = append(rates, float64(n)/o.each.Seconds())
		}
		fmt.Printf("%-28s %12.0f\n", fmt.Sprintf("%d connections", writers), median(rates))
	}
	return nil
}

// syncRate writes 4 KiB and syncs it, over and over.
func syncRate(dir string, d time.Duration) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	page := make([]byte, 4096)
	n := 0
	start := time.Now()
	for ; time.Since(start) < d; n++ {
		if _, err := f.WriteAt(page, int64(n%1024)*4096); err != nil {
			return 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
