package boardtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

// Control ends, halts and starts a board's services, each a process of its own.
type Control struct {
	// Kill ends a service's process at once, without a word.
	Kill func(service string)
	// Start starts it again at the same addresses, and returns when it serves.
	Start func(service string)
	// Halt stops a service's process as it stands: its connections stay open and
	// nothing is answered. Resume lets it go on.
	Halt, Resume func(service string)
	// Fronted tells whether a process of the board answers for the paths of a service
	// that is gone, and at /healthz.
	Fronted bool
}

const (
	refuseWithin  = 1500 * time.Millisecond // a write that needs a service that is gone
	recoverWithin = 2 * time.Second         // after that service serves again
	giveUpWithin  = 6 * time.Second         // a front whose service is silent
)

// loss is a service that goes, and what the others do then.
type loss struct {
	service string
	path    string     // one of its own
	refused []exchange // that succeed while it is there
	goOn    []exchange
}

// Cross checks what a board of three services does when one of them is gone. The board
// must be empty.
func Cross(t *testing.T, board Board, control Control) {
	b := dial(t, board)
	v := newVars(t, b)
	v.expand("{post}{thread}{user}")

	post := exchange{send: "POST /api/posts", body: `{"thread":{thread},"text":"A","user":{user}}`, status: 201, want: `{any}`}
	thread := exchange{send: "POST /api/threads", body: `{"title":"A","createdBy":{user}}`, status: 201, want: `{any}`}
	const postBody = `{"thread":{thread},"text":"K","user":{user},"id":{id:p},"createTime":"{time:p}","updateTime":"{time:p}","etag":"\"{tag:p}\""}`
	const threadBody = `{"id":{id:t},"title":"K","createdBy":{user},"createTime":"{time:t}","updateTime":"{time:t}","etag":"\"{tag:t}\""}`
	key := []string{"Idempotency-Key: {uniq}"}
	// Once these are committed, a retry asks nobody.
	keyedPost := exchange{send: "POST /api/posts", header: key, body: `{"thread":{thread},"text":"K","user":{user}}`, status: 201, answer: []string{"Location: /api/posts/{id:p}", `ETag: "{tag:p}"`}, want: postBody}
	keyedThread := exchange{send: "POST /api/threads", header: key, body: `{"title":"K","createdBy":{user}}`, status: 201, answer: []string{"Location: /api/threads/{id:t}"}, want: threadBody}
	otherPost := exchange{send: "POST /api/posts", header: key, body: `{"thread":{thread},"text":"other","user":{user}}`, reason: "IDEMPOTENCY_KEY_REUSED"}
	posts := []exchange{
		{send: "GET /api/posts", status: 200, want: `[{any}]`},
		{send: "GET /api/posts/{id:p}", status: 200, want: postBody},
		{send: "GET /api/posts/in-thread/{thread}", status: 200, want: `[{any}]`},
		{send: "GET /api/posts/by-user/{user}", status: 200, want: `[{any}]`},
		{send: "PATCH /api/posts/{post}", body: `{"text":"{tag:p}"}`, status: 200, want: `{any}`},
		keyedPost, otherPost,
	}
	threads := []exchange{
		{send: "GET /api/threads", status: 200, want: `[{any}]`},
		{send: "GET /api/threads?createdBy={user}", status: 200, want: `[{any}]`},
		{send: "GET /api/threads/{id:t}", status: 200, want: threadBody},
		{send: "PATCH /api/threads/{id:t}", body: `{}`, status: 200, want: threadBody},
		keyedThread,
	}
	users := []exchange{
		{send: "GET /api/users", status: 200, want: `[{any}]`},
		{send: "POST /api/users", body: `{"username":"no spaces","name":""}`, reason: "INVALID_FIELD", fields: []string{"username", "name"}},
	}
	c := &crossing{clients: b, v: v, control: control}
	c.enter(t)
	for _, x := range []exchange{keyedPost, keyedThread, post, thread} {
		c.must(x)
	}
	for _, l := range []loss{
		{"users", "/api/users/{user}", []exchange{post, thread}, slices.Concat(posts, threads)},
		{"threads", "/api/threads/{thread}", []exchange{post}, slices.Concat(posts, users)},
	} {
		t.Run(l.service+" killed", func(t *testing.T) {
			c.enter(t)
			c.lose(l, control.Kill, control.Start, exchange{send: "GET " + l.path, reason: "PEER_UNAVAILABLE", answer: []string{"Retry-After: 1"}})
		})
		t.Run(l.service+" halted", func(t *testing.T) {
			c.enter(t)
			c.lose(l, control.Halt, control.Resume, exchange{send: "GET " + l.path, reason: "DEADLINE_EXCEEDED"})
		})
	}
}

type crossing struct {
	*clients
	control Control
	t       *testing.T
	v       *vars
}

// enter makes t the test that fails.
func (c *crossing) enter(t *testing.T) { c.t, c.v.t = t, t }

// lose takes a service away and brings it back. front is what a process in front of it
// answers meanwhile.
func (c *crossing) lose(l loss, leave, comeBack func(string), front exchange) {
	leave(l.service)
	gone := true
	defer func() {
		if gone {
			comeBack(l.service)
		}
	}()
	for range 2 { // the first meets connections that were good a moment ago
		for _, x := range l.refused {
			c.mustRefuse(x)
		}
	}
	c.mustRefuseOverGRPC()
	for _, x := range l.goOn {
		c.must(x)
	}
	if c.control.Fronted {
		c.within(giveUpWithin, front)
		c.within(refuseWithin, exchange{send: "GET /healthz", status: 503, answer: []string{"Retry-After: 1"}, want: health(l.service)})
		c.must(exchange{send: "GET /", status: 200, want: "Ready to receive requests"})
	}

	comeBack(l.service)
	gone = false
	since := time.Now()
	back := append(slices.Clone(l.refused), exchange{send: "GET " + l.path, status: 200, want: `{any}`})
	if c.control.Fronted {
		back = append(back, exchange{send: "GET /healthz", status: 200, want: health("")})
	}
	for _, x := range back {
		c.mustRecover(x, since)
	}
	for _, x := range l.goOn {
		c.must(x)
	}
}

// health is what /healthz says when a service is gone.
func health(gone string) string {
	whole := "SERVING"
	services := make([]string, 0, 3)
	for _, service := range []string{"posts", "threads", "users"} {
		status := "SERVING"
		if service == gone {
			status, whole = "UNKNOWN", "NOT_SERVING"
		}
		services = append(services, fmt.Sprintf("%q:%q", service, status))
	}
	return fmt.Sprintf(`{"status":%q,"services":{%s}}`, whole, strings.Join(services, ","))
}

func (c *crossing) must(x exchange) {
	c.t.Helper()
	if problems := x.run(c.t, c.clients, c.v); len(problems) > 0 {
		c.t.Errorf("%s:\n%s", x.send, strings.Join(problems, "\n"))
	}
}

func (c *crossing) within(limit time.Duration, x exchange) {
	c.t.Helper()
	start := time.Now()
	c.must(x)
	if took := time.Since(start); took > limit {
		c.t.Errorf("%s took %v, more than %v", x.send, took, limit)
	}
}

func (c *crossing) mustRefuse(x exchange) {
	c.t.Helper()
	x.reason, x.answer = "PEER_UNAVAILABLE", []string{"Retry-After: 1", "-Location"}
	c.within(refuseWithin, x)
}

func (c *crossing) mustRefuseOverGRPC() {
	c.t.Helper()
	var thread, user int64
	if _, err := fmt.Sscan(c.v.expand("{thread} {user}"), &thread, &user); err != nil {
		c.t.Fatal(err)
	}
	start := time.Now()
	_, err := c.posts.CreatePost(deadline(c.t), &postsv1.CreatePostRequest{Post: &postsv1.Post{Thread: thread, Text: "A", User: user}})
	wantFailure(c.t, err, "PEER_UNAVAILABLE")
	if took := time.Since(start); took > refuseWithin {
		c.t.Errorf("CreatePost took %v, more than %v", took, refuseWithin)
	}
}

// mustRecover tries until x succeeds.
func (c *crossing) mustRecover(x exchange, since time.Time) {
	c.t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		problems := x.run(c.t, c.clients, c.v)
		if len(problems) == 0 {
			return
		}
		if late := time.Since(since); late > recoverWithin {
			c.t.Errorf("%s fails %v after the service is back:\n%s", x.send, late, strings.Join(problems, "\n"))
			return
		}
		<-again.C
	}
}
