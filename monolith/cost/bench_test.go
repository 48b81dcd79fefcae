package main

import (
	"bufio"
	"net"
	"path/filepath"
	"testing"

	"github.com/splitboard/splitboard/internal/serve"
)

// BenchmarkREST drives each route over loopback from as many connections as -cpu says.
// The clients allocate next to nothing, so the allocations are the monolith's: all of a
// request's, from net/http to the store and the access log.
func BenchmarkREST(b *testing.B) {
	board := filepath.Join(b.TempDir(), "board.json")
	if err := writeBoard(board, 2000); err != nil {
		b.Fatal(err)
	}
	p := startWhole(b, serve.Config{Data: b.TempDir(), Seed: board})
	for _, r := range routes() {
		b.Run(r.name, func(b *testing.B) {
			request := r.request(0)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				c, err := new(net.Dialer).DialContext(b.Context(), "tcp", p.HTTPAddr())
				if err != nil {
					b.Error(err)
					return
				}
				defer c.Close()
				reader := bufio.NewReaderSize(c, 64<<10)
				for pb.Next() {
					if _, err := exchange(c, reader, request); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
