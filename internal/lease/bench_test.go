package lease_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/splitboard/splitboard/internal/inproc"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// BenchmarkOwning compares a read at the store's owner with the same read without a
// lease: medians of rounds in turn.
func BenchmarkOwning(b *testing.B) {
	n, err := newNode(b.TempDir(), setup{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := n.close(); err != nil {
			b.Error(err)
		}
	})
	if _, err := n.client.CreateUser(b.Context(), &usersv1.CreateUserRequest{User: &usersv1.User{Username: "ada"}}); err != nil {
		b.Fatal(err)
	}
	bare := inproc.New(chain(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		return handler(ctx, req)
	}))
	bare.RegisterService(&usersv1.UsersService_ServiceDesc, n.users)
	ways := []struct {
		name   string
		client usersv1.UsersServiceClient
		took   []float64
	}{{name: "bare", client: usersv1.NewUsersServiceClient(bare)}, {name: "owned", client: n.client}}
	const each = 20_000
	for b.Loop() {
		for i := range ways {
			w := &ways[i]
			began := time.Now()
			for range each {
				if _, err := w.client.GetUser(b.Context(), &usersv1.GetUserRequest{Id: 1}); err != nil {
					b.Fatal(err)
				}
			}
			w.took = append(w.took, float64(time.Since(began).Nanoseconds())/each)
		}
	}
	for _, w := range ways {
		slices.Sort(w.took)
		b.ReportMetric(w.took[len(w.took)/2], w.name+"-ns")
	}
	b.ReportMetric(ways[1].took[len(ways[1].took)/2]/ways[0].took[len(ways[0].took)/2], "ratio")
}
