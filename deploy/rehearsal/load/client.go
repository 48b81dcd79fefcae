package load

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"
)

// A request is what a client is about to ask. In a record it stands as it was sent.
type request struct {
	kind         Kind
	id           int64
	thread, user int64
	content      string
	username     string // of a user that is created or looked for
	match, key   string
}

// An answer is what came back.
type answer struct {
	code     uint16
	noTarget bool
	err      string // why it is no success

	// The resource, as far as the answer holds it. of says how many resources there are.
	of   int
	item item
}

// A face is a way to send requests.
type face interface {
	// at gives the address that a service's requests enter through now, or "".
	at(service string) string
	// send sends a request once, whatever happens.
	send(r *request, via string, timeout time.Duration) answer
	close()
}

// ownItems is how many resources of a kind a client keeps of its own.
const ownItems = 64

// A client asks for one thing after the other. What it changes and deletes, it has
// created itself, and it does nothing more with what it has lost track of: so it never
// asks for what is not there, and no precondition of its fails.
type client struct {
	pool  *Pool
	n     int
	rng   *rand.Rand
	rest  face // nil if there is none
	grpc  face // same
	wrote int  // how many writes it has made
	made  []Record

	// Its own: those that others may read, by service, and posts that it will delete.
	own    map[string][]item
	mortal []item
}

func newClient(p *Pool, n int) *client {
	c := &client{
		pool: p, n: n, own: make(map[string][]item),
		rng: rand.New(rand.NewPCG(p.config.Seed, uint64(n))), //nolint:gosec // it chooses what to ask
	}
	if p.config.REST != nil {
		c.rest = newRESTFace(p.config.REST)
	}
	if p.config.GRPC != nil {
		c.grpc = &grpcFace{entry: p.config.GRPC, conns: p.conns, shard: n / clientsPerConn}
	}
	return c
}

func (c *client) close() {
	for _, f := range []face{c.rest, c.grpc} {
		if f != nil {
			f.close()
		}
	}
}

// run asks until ctx ends.
func (c *client) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		due := c.pool.due()
		if wait := due - c.pool.clock.now(); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		}
		c.ask(due)
	}
}

// ask makes one request.
func (c *client) ask(due time.Duration) {
	r, mine, lasting := c.choose()
	f := c.rest
	if f == nil || c.grpc != nil && c.rng.IntN(2) == 0 {
		f = c.grpc
	}
	rec := Record{
		Client: int32(c.n), Kind: r.kind, REST: f == c.rest, Due: due, ID: r.id, //nolint:gosec // not so many
		Thread: r.thread, User: r.user, Content: r.content, Match: r.match, Key: r.key,
	}
	rec.Start = c.pool.clock.now()
	a := answer{err: "no address", noTarget: true}
	if rec.Via = f.at(r.kind.Service()); rec.Via != "" {
		a = f.send(&r, rec.Via, c.pool.config.Timeout)
	}
	rec.End = c.pool.clock.now()
	rec.Code, rec.NoTarget, rec.Err = a.code, a.noTarget, a.err
	if rec.Err == "" {
		rec.Err = wrong(&r, &a, mine)
	}
	if rec.Err == "" {
		rec.Etag = a.item.etag
		if r.kind.Creates() {
			rec.ID = a.item.id
		}
		if r.kind.Gets() {
			rec.Content = a.item.content
		}
	}
	c.learn(&r, &a, &rec, lasting)
	c.pool.meter.record(&rec)
	c.made = append(c.made, rec)
}

// wrong says what is wrong with an answer that is a success; mine is the client's own
// resource that it asked for, or nil.
func wrong(r *request, a *answer, mine *item) string {
	switch kinds[r.kind].effect {
	case creates, updates:
		if a.item.content != r.content {
			return "wrong: wrote " + strconv.Quote(r.content) + ", was told " + strconv.Quote(a.item.content)
		}
		if a.item.id < 1 || a.item.etag == "" {
			return "wrong: no id or no etag"
		}
	case gets:
		if mine != nil && (a.item.content != mine.content || a.item.etag != mine.etag) {
			return "stale: read " + strconv.Quote(a.item.content) + " " + a.item.etag + ", knew " + strconv.Quote(mine.content) + " " + mine.etag
		}
	case lists:
		if r.kind == FindUser && a.of != 1 {
			return "wrong: found " + strconv.Itoa(a.of) + " users"
		}
	case deletes:
	}
	if a.of == 1 && r.id != 0 && a.item.id != r.id {
		return "wrong: id " + strconv.FormatInt(a.item.id, 10)
	}
	return ""
}

// learn takes note of what a write has come to. A resource whose write failed is
// forgotten: it may have happened or not.
func (c *client) learn(r *request, a *answer, rec *Record, lasting bool) {
	service := r.kind.Service()
	switch kinds[r.kind].effect {
	case creates:
		if rec.Failed() {
			return
		}
		it := item{id: a.item.id, content: a.item.content, etag: a.item.etag, username: r.username}
		if !lasting {
			c.mortal = append(c.mortal, it)
			return
		}
		c.pool.known[service].put(c.rng, it)
		if len(c.own[service]) < ownItems {
			c.own[service] = append(c.own[service], it)
		} else {
			c.own[service][c.rng.IntN(ownItems)] = it
		}
	case updates:
		for i := range c.own[service] {
			if it := &c.own[service][i]; it.id == r.id {
				if rec.Failed() {
					c.own[service] = append(c.own[service][:i], c.own[service][i+1:]...)
				} else {
					it.content, it.etag = a.item.content, a.item.etag
				}
				return
			}
		}
	case deletes, gets, lists:
	}
}
