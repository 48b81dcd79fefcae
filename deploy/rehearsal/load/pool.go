package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Config says who asks for what.
type Config struct {
	// Clients is how many requests there are at a time, at most.
	Clients int
	// Rate is how many requests are due in a second, whether or not those before them
	// are answered; 0 lets each client send its next request when it has its answer.
	Rate float64
	// Writes is the share of requests that write, 0 to 1.
	Writes float64
	// Keys gives each write an idempotency key of its own.
	Keys bool
	// Timeout is how long a client waits for an answer.
	Timeout time.Duration
	// Seed makes the choices of what to ask. Requests race, so that two runs with one
	// seed are alike, not equal.
	Seed uint64

	// REST and GRPC give the address, HOST:PORT, that a request to a service enters
	// through now; empty if there is none, and the request fails. If either is nil, all
	// requests go over the other.
	REST, GRPC func(service string) string
}

// Default is a load of 32 clients that write three times of ten, with keys. It lacks
// the addresses.
func Default() Config {
	return Config{Clients: 32, Writes: 0.3, Keys: true, Timeout: 10 * time.Second}
}

// A Pool is a number of clients.
type Pool struct {
	config Config
	tag    string // in all that it writes, so that it is unlike what other pools write
	clock  clock
	next   atomic.Int64 // the number of the next request that is due
	meter  meter
	known  map[string]*shelf // by service
	conns  *conns
	made   [][]Record // by client, when all have ended
}

// New makes a pool that has not begun.
func New(c Config) *Pool {
	return &Pool{
		config: c,
		tag:    fmt.Sprintf("%08x", rand.Uint32()), //nolint:gosec // no secret
		known:  map[string]*shelf{Users: new(shelf), Threads: new(shelf), Posts: new(shelf)},
		conns:  newConns(),
		made:   make([][]Record, c.Clients),
	}
}

// Run has the clients ask until ctx ends, and then waits for the answers that are due.
// A pool runs once.
func (p *Pool) Run(ctx context.Context) {
	p.clock.start()
	var running sync.WaitGroup
	for i := range p.config.Clients {
		running.Go(func() {
			c := newClient(p, i)
			defer c.close()
			c.run(ctx)
			p.made[i] = c.made
		})
	}
	running.Wait()
	p.clock.stop()
	p.conns.close()
}

// Began gives the time that the records' times are counted from; zero before Run.
func (p *Pool) Began() time.Time {
	if at := p.clock.began.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// Records gives all requests that were made, each client's in their order. It is for
// after Run.
func (p *Pool) Records() []Record {
	n := 0
	for _, of := range p.made {
		n += len(of)
	}
	all := make([]Record, 0, n)
	for _, of := range p.made {
		all = append(all, of...)
	}
	return all
}

// Figures tells about all requests that have ended.
func (p *Pool) Figures() Figures { return p.meter.total() }

// Buckets tells about the requests that have ended in each tenth of a second so far.
func (p *Pool) Buckets() []Bucket { return p.meter.over(p.clock.now()) }

// due gives when the next request is to be sent. The numbers are handed out one after
// another: none is left out, however late the clients are.
func (p *Pool) due() time.Duration {
	if p.config.Rate == 0 {
		return p.clock.now()
	}
	return time.Duration(float64(p.next.Add(1)-1) / p.config.Rate * float64(time.Second))
}

// A clock counts the time of a run.
type clock struct {
	began atomic.Pointer[time.Time]
	took  atomic.Int64 // of the whole run, when it is over
}

func (c *clock) start() {
	now := time.Now()
	c.began.Store(&now)
}

func (c *clock) stop() { c.took.Store(int64(c.now())) }

// now gives how long the run has lasted.
func (c *clock) now() time.Duration {
	if took := c.took.Load(); took > 0 {
		return time.Duration(took)
	}
	if at := c.began.Load(); at != nil {
		return time.Since(*at)
	}
	return 0
}
