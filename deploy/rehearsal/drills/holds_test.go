package drills

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

// maxHold is how long a request may be held.
const maxHold = 2 * time.Second

// spread is durations in ascending order.
type spread []time.Duration

func (s spread) String() string {
	if len(s) == 0 {
		return "never"
	}
	return fmt.Sprintf("%s (median of %d), %s (99 %%), %s (longest)", brief(s[len(s)/2]), len(s), brief(s[len(s)*99/100]), brief(s[len(s)-1]))
}

// holds asks all processes how long each request was held that they remember.
func (b *board) holds(t *testing.T) spread {
	t.Helper()
	var all spread
	for _, p := range b.processes {
		if !p.Running() {
			continue
		}
		for _, service := range services {
			if serves(p, service) {
				all = append(all, b.holdsOf(t, p, service)...)
			}
		}
	}
	slices.Sort(all)
	return all
}

func (b *board) holdsOf(t *testing.T, p *cast.Process, service string) []time.Duration {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+filepath.Join(b.data, service, p.Instance()+".sock"),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	res, err := adminv1.NewAdminServiceClient(conn).ListHolds(soon(t), &adminv1.ListHoldsRequest{Service: service})
	if err != nil {
		t.Fatalf("asking %s: %v", p.Name, err)
	}
	var list []time.Duration
	for _, d := range res.GetHolds() {
		list = append(list, d.AsDuration())
	}
	return list
}
