package account

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/audit"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// How much people ask: enough for a request to be under way at any moment.
const (
	clients = 8
	rate    = 80 // a second
)

// A board is the one behind the load balancer, and people who use it.
type board struct {
	account *Account
	before  audit.Board
	after   audit.Board
	people  people
}

// people are clients that never send a request twice.
type people struct {
	pool *load.Pool
	stop context.CancelFunc
	gone chan struct{}
}

func (a *Account) enter(string) string { return a.Balancer.Addr() }

func (a *Account) read(t *testing.T) audit.Board {
	t.Helper()
	b, err := audit.Read(t.Context(), a.enter)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// openBoard lets people use the board from now on.
func openBoard(t *testing.T, a *Account) *board {
	t.Helper()
	return &board{account: a, before: a.read(t), people: a.let(t)}
}

func (a *Account) let(t *testing.T) people {
	t.Helper()
	config := load.Default()
	config.Clients, config.Rate, config.REST = clients, rate, a.enter
	p := people{pool: load.New(config), gone: make(chan struct{})}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(t.Context())
	go func() {
		defer close(p.gone)
		p.pool.Run(ctx)
	}()
	t.Cleanup(p.leave)
	return p
}

func (p *people) leave() {
	p.stop()
	<-p.gone
}

// close ends the load, of which no request may have failed, and wants each acknowledged
// write on the board once.
func (b *board) close(t *testing.T) {
	t.Helper()
	b.people.leave()
	f := b.people.pool.Figures()
	t.Logf("%d requests, %d of them writes; %d failed; p50 %s, p99 %s, longest %s", f.Requests, f.Writes, f.Failed, f.P50, f.P99, f.Max)
	if f.Failed > 0 || f.Acknowledged == 0 {
		t.Errorf("%d requests failed, %d writes were acknowledged:\n%s", f.Failed, f.Acknowledged, b.people.failures())
	}
	b.after = b.account.read(t)
	if found := audit.Audit(b.people.pool.Records(), b.before, b.after); !found.OK() {
		t.Errorf("the board is not as people were told: %s", found.String())
	}
}

// isThere wants all that was on the board when it was closed. There may be more.
func (b *board) isThere(t *testing.T) {
	t.Helper()
	now := b.account.read(t)
	for service, rows := range b.after {
		for id, row := range rows {
			if now[service][id] != row {
				t.Fatalf("%s %d was %+v on the volume, and is %+v", service, id, row, now[service][id])
			}
		}
	}
}

// failures lists the first requests that failed.
func (p *people) failures() string {
	var lines []string
	for _, r := range p.pool.Records() {
		if r.Failed() && len(lines) < 20 {
			lines = append(lines, fmt.Sprintf("%s %s: %s", p.pool.Began().Add(r.Start).Format(time.StampMilli), r.Kind, r.Err))
		}
	}
	return strings.Join(lines, "\n")
}
