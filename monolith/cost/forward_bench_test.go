package main

import (
	"bufio"
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/splitboard/splitboard/edge"
	"github.com/splitboard/splitboard/internal/serve"
	"github.com/splitboard/splitboard/services/posts"
	"github.com/splitboard/splitboard/services/threads"
	"github.com/splitboard/splitboard/services/users"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// BenchmarkForward compares a read through a process that forwards with one at the owner:
// the CPU time of everybody who takes part, clients included, medians of rounds in turn.
func BenchmarkForward(b *testing.B) {
	data := b.TempDir()
	owner := startWhole(b, serve.Config{Data: data, Seed: "sample"})
	forwarder := startWhole(b, serve.Config{Data: data, NeverOwn: true})
	ways := []struct {
		name string
		call func(b *testing.B) func() error // a client's own
	}{
		{"grpc-direct", overGRPC("tcp", owner.GRPCAddr())},
		{"grpc-forwarded", overGRPC("tcp", forwarder.GRPCAddr())},
		{"grpc-socket", overGRPC("unix", serveSocket(b, owner))},
		{"rest-direct", overREST(owner.HTTPAddr())},
		{"rest-forwarded", overREST(forwarder.HTTPAddr())},
	}
	const rounds = 9
	costs := make(map[string][]float64)
	for b.Loop() {
		for range rounds {
			for _, w := range ways {
				costs[w.name] = append(costs[w.name], cpuOf(b, w.call))
			}
		}
	}
	at := func(name string) float64 { return median(costs[name]) }
	for _, w := range ways {
		b.ReportMetric(at(w.name), w.name+"-µs")
	}
	b.ReportMetric(at("grpc-forwarded")/at("grpc-direct"), "grpc-ratio")
	b.ReportMetric(at("rest-forwarded")/(at("rest-direct")+at("grpc-socket")), "rest-ratio")
}

// cpuOf drives calls from 16 clients for a while and gives the CPU time of each, in
// microseconds.
func cpuOf(b *testing.B, newCall func(*testing.B) func() error) float64 {
	b.Helper()
	const clients = 16
	calls := make([]func() error, clients)
	for i := range calls {
		calls[i] = newCall(b)
	}
	var done atomic.Int64
	var clientsDone sync.WaitGroup
	ctx, cancel := context.WithTimeout(b.Context(), 300*time.Millisecond)
	defer cancel()
	before := processorTime(b)
	for _, call := range calls {
		clientsDone.Go(func() {
			for ctx.Err() == nil {
				if err := call(); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	clientsDone.Wait()
	return float64((processorTime(b) - before).Microseconds()) / float64(done.Load())
}

// processorTime gives what this process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// overGRPC makes clients that share a connection, as the processes do.
func overGRPC(network, addr string) func(*testing.B) func() error {
	var once sync.Once
	var client usersv1.UsersServiceClient
	return func(b *testing.B) func() error {
		once.Do(func() {
			conn, err := grpc.NewClient("passthrough:///localhost",
				grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, addr)
				}),
				grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = conn.Close() })
			client = usersv1.NewUsersServiceClient(conn)
		})
		return func() error {
			_, err := client.GetUser(b.Context(), &usersv1.GetUserRequest{Id: 1})
			return err
		}
	}
}

// serveSocket makes gRPC calls to a process possible over a unix socket, as the processes
// themselves do not need it, and gives its path.
func serveSocket(b *testing.B, p *serve.Process) string {
	b.Helper()
	dir, err := os.MkdirTemp("/tmp", "sb") //nolint:usetesting // b.TempDir() may be too long for a socket
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	ln, err := net.Listen("unix", filepath.Join(dir, "grpc.sock"))
	if err != nil {
		b.Fatal(err)
	}
	server := grpc.NewServer()
	usersv1.RegisterUsersServiceServer(server, &relay{to: usersv1.NewUsersServiceClient(p.Conn())})
	go func() { _ = server.Serve(ln) }()
	b.Cleanup(server.Stop)
	return ln.Addr().String()
}

// A relay passes calls on to a process's own handlers.
type relay struct {
	usersv1.UnimplementedUsersServiceServer
	to usersv1.UsersServiceClient
}

func (r *relay) GetUser(ctx context.Context, req *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
	return r.to.GetUser(ctx, req)
}

func overREST(addr string) func(*testing.B) func() error {
	return func(b *testing.B) func() error {
		c, err := new(net.Dialer).DialContext(b.Context(), "tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		reader := bufio.NewReaderSize(c, 64<<10)
		request := []byte("GET /api/users/1 HTTP/1.1\r\nHost: board.test\r\n\r\n")
		return func() error {
			_, err := exchange(c, reader, request)
			return err
		}
	}
}

// startWhole starts a monolith that stops at the benchmark's end.
func startWhole(b *testing.B, c serve.Config) *serve.Process {
	b.Helper()
	c.HTTP, c.GRPC = "127.0.0.1:0", "127.0.0.1:0"
	p, err := serve.Start(b.Context(), serve.Binary{
		Name: "monolith", Services: []serve.Service{users.Service(), threads.Service(), posts.Service()}, REST: edge.New,
	}, c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := p.Stop(context.WithoutCancel(b.Context())); err != nil {
			b.Error(err)
		}
	})
	return p
}
