package balancer

import (
	"context"
	"testing"
)

// BenchmarkRequest is what a GET takes through a balancer, with its client and a target
// in Go's net/http.
func BenchmarkRequest(b *testing.B) {
	for name, start := range map[string]func(context.Context, *Setup, Options) (Balancer, error){
		"stand-in": func(ctx context.Context, s *Setup, o Options) (Balancer, error) { return Start(ctx, s, o) },
		"haproxy":  func(ctx context.Context, s *Setup, o Options) (Balancer, error) { return StartHAProxy(ctx, s, o) },
	} {
		b.Run(name, func(b *testing.B) {
			setup := testSetup(b)
			front := started(b, start, setup, Options{})
			register(b, front, "api", addrOf(serving(b, "a")))
			requests(b, front.Addr())
		})
	}
	b.Run("none", func(b *testing.B) { requests(b, addrOf(serving(b, "a"))) })
}

func requests(b *testing.B, addr string) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		c := newCaller(b, addr)
		for pb.Next() {
			if got, err := c.do("GET", "/x", ""); err != nil || got.code != 200 {
				b.Errorf("%d, %v", got.code, err)
			}
		}
	})
}
