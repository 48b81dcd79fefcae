package rolling

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// A load is clients that write and read until end. One that meets a failure stops.
type load struct {
	clients []*loadClient
	wg      sync.WaitGroup
	done    atomic.Bool
	calls   atomic.Int64

	mu           sync.Mutex
	acknowledged map[string]*usersv1.User // by username, as they were told last
	failures     []string
}

// A loadClient enters at one process, which may change.
type loadClient struct {
	load *load
	name string
	face string
	at   *atomic.Pointer[process] // where it shall enter

	enters  atomic.Pointer[process] // where it does
	answers atomic.Int64
}

// An entrance is where some clients enter.
type entrance struct {
	at      atomic.Pointer[process]
	clients []*loadClient
}

// enter adds a client of each face that enters at p.
func (l *load) enter(p *process) *entrance {
	e := new(entrance)
	e.at.Store(p)
	for face := range faces {
		c := &loadClient{load: l, name: fmt.Sprint("c", len(l.clients)), face: face, at: &e.at}
		l.clients = append(l.clients, c)
		e.clients = append(e.clients, c)
		l.wg.Go(c.run)
	}
	return e
}

// move has an entrance's clients enter elsewhere, and returns when they do.
func (e *entrance) move(t *testing.T, to *process) {
	t.Helper()
	e.at.Store(to)
	waitFor(t, "the clients' move", func() bool {
		return !slices.ContainsFunc(e.clients, func(c *loadClient) bool {
			return c.enters.Load() != to && !c.load.failed()
		})
	})
}

// more waits until every client has had some answers more.
func (l *load) more(t *testing.T) {
	t.Helper()
	const answers = 9 // of all kinds
	var want []int64
	for _, c := range l.clients {
		want = append(want, c.answers.Load()+answers)
	}
	for i, c := range l.clients {
		waitFor(t, "answers", func() bool { return c.answers.Load() >= want[i] || l.failed() })
	}
}

// end ends the load.
func (l *load) end() {
	l.done.Store(true)
	l.wg.Wait()
}

func (l *load) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.failures) > 0
}

func (l *load) fail(how string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, how)
}

func (l *load) tell(u *usersv1.User) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.acknowledged == nil {
		l.acknowledged = make(map[string]*usersv1.User)
	}
	l.acknowledged[u.GetUsername()] = u
}

// run is a client's life.
func (c *loadClient) run() {
	var conn client
	defer func() {
		if conn != nil {
			conn.close()
		}
	}()
	for n := 0; !c.load.done.Load(); n++ {
		at := c.at.Load()
		var err error
		if at != c.enters.Load() {
			if conn != nil {
				conn.close()
			}
			conn, err = faces[c.face](at)
			c.enters.Store(at)
		}
		if err == nil {
			err = c.write(conn, fmt.Sprint(c.name, "_", n))
		}
		if err != nil {
			c.load.fail(fmt.Sprintf("%s through %s of the %s version: %v", c.face, at.instance, at.version, err))
			return
		}
	}
}

// write makes a user, reads it, and changes it.
func (c *loadClient) write(conn client, username string) error {
	created, err := c.one(func(ctx context.Context) (*usersv1.User, error) {
		return conn.create(ctx, &usersv1.User{Username: username, Name: "A name", Bio: "as it was made"})
	})
	if err != nil {
		return fmt.Errorf("creating %s: %w", username, err)
	}
	c.load.tell(created)
	read, err := c.one(func(ctx context.Context) (*usersv1.User, error) { return conn.get(ctx, created.GetId()) })
	if err != nil {
		return fmt.Errorf("reading %s: %w", username, err)
	}
	if !proto.Equal(read, created) {
		return fmt.Errorf("reading %v gives %v", created, read)
	}
	updated, err := c.one(func(ctx context.Context) (*usersv1.User, error) {
		return conn.update(ctx, created.GetId(), "as it was changed")
	})
	if err != nil {
		return fmt.Errorf("updating %s: %w", username, err)
	}
	c.load.tell(updated)
	return nil
}

// one makes a call and counts its answer.
func (c *loadClient) one(call func(context.Context) (*usersv1.User, error)) (*usersv1.User, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	u, err := call(ctx)
	if err == nil {
		c.answers.Add(1)
		c.load.calls.Add(1)
	}
	return u, err
}
