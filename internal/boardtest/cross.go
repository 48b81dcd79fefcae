package boardtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
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
	// FrontsAll tells whether REST paths of a dead service still reach a board process,
	// which then says what is wrong.
	FrontsAll bool
}

const (
	refuseWithin  = 1500 * time.Millisecond // a write that needs a dead service
	recoverWithin = 2 * time.Second         // after that service serves again
)

// Cross checks what a board of three services does when one of them is gone.
func Cross(t *testing.T, board Board, control Control) {
	b := dial(t, board)
	c := &crossing{clients: b, v: newVars(t, b), t: t}
	c.v.known["uniq:post"], c.v.known["uniq:thread"] = unique(), unique()
	key := func(of string) []string { return []string{"Idempotency-Key: {uniq:" + of + "}"} }
	newPost := exchange{send: "POST /api/posts", body: `{"thread":{thread},"text":"A","user":{user}}`, status: 201, want: `{any}`}
	newThread := exchange{send: "POST /api/threads", body: `{"title":"A","createdBy":{user}}`, status: 201, want: `{any}`}
	keyedPost := exchange{send: "POST /api/posts", header: key("post"), body: `{"thread":{thread},"text":"K","user":{user}}`, status: 201, answer: []string{"Location: /api/posts/{id:kp}", `ETag: "{tag:kp}"`}, want: `{"thread":{thread},"text":"K","user":{user},"id":{id:kp},"createTime":"{time:kp}","updateTime":"{time:kp}","etag":"\"{tag:kp}\""}`}
	keyedThread := exchange{send: "POST /api/threads", header: key("thread"), body: `{"title":"K","createdBy":{user}}`, status: 201, answer: []string{"Location: /api/threads/{id:kt}"}, want: `{any}"id":{id:kt},"title":"K"{any}`}
	keyedThread.want = `{"id":{id:kt},"title":"K","createdBy":{user},"createTime":"{time:kt}","updateTime":"{time:kt}","etag":"\"{tag:kt}\""}`
	otherPost := keyedPost
	otherPost.body, otherPost.answer, otherPost.want = `{"thread":{thread},"text":"other","user":{user}}`, nil, ""
	otherPost.status, otherPost.reason = 0, "IDEMPOTENCY_KEY_REUSED"
	reads := []exchange{
		{send: "GET /api/posts", status: 200, want: `[{any}]`},
		{send: "GET /api/posts/{id:kp}", status: 200, want: keyedPost.want},
		{send: "GET /api/posts/in-thread/{thread}", status: 200, want: `[{any}]`},
		{send: "GET /api/posts/by-user/{user}", status: 200, want: `[{any}]`},
	}
	threadReads := []exchange{
		{send: "GET /api/threads", status: 200, want: `[{any}]`},
		{send: "GET /api/threads/{id:kt}", status: 200, want: keyedThread.want},
		{send: "PATCH /api/threads/{id:kt}", body: `{}`, status: 200, want: keyedThread.want},
	}
	changes := []exchange{
		{send: "PATCH /api/posts/{post}", body: `{"text":"{uniq}"}`, status: 200, want: `{any}`},
	}
	c.v.expand("{post}{user}{thread}")
	for _, x := range []exchange{newPost, newThread, keyedPost, keyedThread} {
		c.must(x)
	}

	for _, gone := range []struct {
		service   string
		refused   []exchange // that succeed when the service is there
		goOn      []exchange
		ownPath   string
		replayed  []exchange
		forbidden []exchange
	}{
		{"users", []exchange{newPost, newThread}, append(append(reads, threadReads...), changes...), "/api/users/{user}", []exchange{keyedPost, keyedThread}, []exchange{otherPost}},
		{"threads", []exchange{newPost}, append([]exchange{{send: "GET /api/users", status: 200, want: `[{any}]`}}, reads...), "/api/threads/{thread}", []exchange{keyedPost}, []exchange{otherPost}},
	} {
		for _, way := range []struct {
			name      string
			end, back func(string)
		}{{"killed", control.Kill, control.Start}, {"halted", control.Halt, control.Resume}} {
			t.Run(gone.service+" "+way.name, func(t *testing.T) {
				c.t = t
				way.end(gone.service)
				back := false
				defer func() {
					if !back {
						way.back(gone.service)
					}
				}()
				for range 2 { // the first meets connections that were good a moment ago
					for _, x := range gone.refused {
						c.mustRefuse(x)
					}
				}
				for _, x := range gone.goOn {
					c.must(x)
				}
				for _, x := range append(gone.replayed, gone.forbidden...) {
					c.must(x)
				}
				c.refusedOverGRPC()
				if control.FrontsAll {
					c.within(4*time.Second, exchange{send: "GET " + gone.ownPath, reason: "PEER_UNAVAILABLE", answer: []string{"Retry-After: 1"}})
				}
				way.back(gone.service)
				back = true
				since := time.Now()
				for _, x := range append(gone.refused, exchange{send: "GET " + gone.ownPath, status: 200, want: `{any}`}) {
					c.mustRecover(x, since)
				}
				for _, x := range gone.replayed {
					c.must(x)
				}
			})
		}
	}
}

type crossing struct {
	*clients
	v *vars
	t *testing.T
}

// try gives what is wrong with the answer to x, and how long it took.
func (c *crossing) try(x exchange) (problems []string, took time.Duration) {
	start := time.Now()
	problems = x.run(c.t, c.clients, c.v)
	return problems, time.Since(start)
}

func (c *crossing) must(x exchange) {
	c.t.Helper()
	if problems, _ := c.try(x); len(problems) > 0 {
		c.t.Errorf("%s: %s", x.send, strings.Join(problems, "\n"))
	}
}

func (c *crossing) within(limit time.Duration, x exchange) {
	c.t.Helper()
	problems, took := c.try(x)
	if len(problems) > 0 {
		c.t.Errorf("%s: %s", x.send, strings.Join(problems, "\n"))
	}
	if took > limit {
		c.t.Errorf("%s took %v", x.send, took)
	}
}

func (c *crossing) mustRefuse(x exchange) {
	c.t.Helper()
	x.status, x.reason, x.want, x.answer = 0, "PEER_UNAVAILABLE", "", []string{"Retry-After: 1", "-Location"}
	c.within(refuseWithin, x)
}

// mustRecover tries until x succeeds.
func (c *crossing) mustRecover(x exchange, since time.Time) {
	c.t.Helper()
	for {
		problems, _ := c.try(x)
		if len(problems) == 0 {
			return
		}
		if time.Since(since) > recoverWithin {
			c.t.Errorf("%s fails %v after the service is back: %s", x.send, time.Since(since), strings.Join(problems, "\n"))
			return
		}
		time.Sleep(10 * time.Millisecond) // between tries, not in place of a signal
	}
}

// refusedOverGRPC tries a post over gRPC.
func (c *crossing) refusedOverGRPC() {
	c.t.Helper()
	var thread, user int64
	if _, err := fmt.Sscan(c.v.expand("{thread} {user}"), &thread, &user); err != nil {
		c.t.Fatal(err)
	}
	start := time.Now()
	_, err := c.posts.CreatePost(deadline(c.t), &postsv1.CreatePostRequest{Post: &postsv1.Post{Thread: thread, Text: "A", User: user}})
	wantFailure(c.t, err, "PEER_UNAVAILABLE")
	if took := time.Since(start); took > refuseWithin {
		c.t.Errorf("CreatePost took %v", took)
	}
	if _, err := c.posts.ListPosts(deadline(c.t), &postsv1.ListPostsRequest{}); err != nil {
		c.t.Error(err)
	}
	if _, err := c.threads.ListThreads(deadline(c.t), &threadsv1.ListThreadsRequest{}); err != nil && c.threadsServe {
		c.t.Error(err)
	}
}
