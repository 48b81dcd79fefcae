package boardtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

// Walk fills an empty board with posts and walks all listings of them by pages of
// several sizes, in both orders, while others add and delete posts. Each walk must see
// every post that was there all along exactly once, in order.
func Walk(t *testing.T, board Board, posts int) {
	b := dial(t, board)
	w := newWalk(t, b, posts)

	ctx, stop := context.WithCancel(t.Context())
	const churners = 2
	churned := make(chan error, churners)
	t.Cleanup(stop) // when the test ends before its end
	for range churners {
		go func() { churned <- w.churn(ctx) }()
	}
	t.Run("walks", func(t *testing.T) {
		for _, l := range []listing{postsListing(b), inThreadListing(b, w.threads[0]), byUserListing(b, w.users[0])} {
			for _, size := range []int32{7, 100, 1000} {
				w.run(t, l, size)
			}
		}
		for _, path := range []string{
			"/api/posts", fmt.Sprintf("/api/posts/in-thread/%d", w.threads[1]), fmt.Sprintf("/api/posts/by-user/%d", w.users[1]),
		} {
			for _, size := range []int32{100, 1000} {
				w.run(t, restListing(b, path), size)
			}
		}
	})
	stop()
	for range churners {
		if err := <-churned; err != nil {
			t.Error(err)
		}
	}
	t.Logf("meanwhile %d posts were added and %d deleted", w.added.Load(), w.deleted.Load())
	if w.added.Load() == 0 || w.deleted.Load() == 0 {
		t.Errorf("%d posts were added and %d deleted meanwhile: the walks proved nothing", w.added.Load(), w.deleted.Load())
	}
}

// walk is a board and what stays on it.
type walk struct {
	b              *clients
	threads, users [2]int64
	kept           []*postsv1.Post // by id

	mu             sync.Mutex
	doomed         []int64 // posts to delete meanwhile
	added, deleted atomic.Int64
}

func newWalk(t *testing.T, b *clients, posts int) *walk {
	t.Helper()
	w := &walk{b: b}
	for i := range w.threads {
		th := b.someThread(t)
		w.threads[i], w.users[i] = th.GetId(), th.GetCreatedBy()
	}
	made := make([]*postsv1.Post, posts)
	var next atomic.Int64
	var fill sync.WaitGroup
	for range 64 {
		fill.Go(func() {
			for i := next.Add(1) - 1; i < int64(posts); i = next.Add(1) - 1 {
				var err error
				if made[i], err = w.add(t.Context()); err != nil {
					t.Errorf("filling the board: %v", err)
					return
				}
			}
		})
	}
	fill.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for i, p := range made {
		if i%10 == 3 {
			w.doomed = append(w.doomed, p.GetId())
		} else {
			w.kept = append(w.kept, p)
		}
	}
	slices.SortFunc(w.kept, func(p, q *postsv1.Post) int { return int(p.GetId() - q.GetId()) })
	return w
}

func (w *walk) add(ctx context.Context) (*postsv1.Post, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	res, err := w.b.posts.CreatePost(ctx, &postsv1.CreatePostRequest{Post: &postsv1.Post{
		Thread: w.threads[rand.IntN(2)], Text: "A post among many", User: w.users[rand.IntN(2)], //nolint:gosec // no secret
	}})
	return res.GetPost(), err
}

// churn adds posts, and deletes those and doomed ones, until ctx ends.
func (w *walk) churn(ctx context.Context) error {
	for ctx.Err() == nil {
		// A call that has begun is let through, so that its outcome is known.
		p, err := w.add(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		w.added.Add(1)
		w.mu.Lock()
		w.doomed = append(w.doomed, p.GetId())
		at := rand.IntN(len(w.doomed)) //nolint:gosec // no secret
		id := w.doomed[at]
		w.doomed = slices.Delete(w.doomed, at, at+1)
		w.mu.Unlock()
		if _, err := w.b.posts.DeletePost(context.WithoutCancel(ctx), &postsv1.DeletePostRequest{Id: id}); err != nil {
			return err
		}
		w.deleted.Add(1)
	}
	return nil
}

// run walks a listing in both orders, beside other walks.
func (w *walk) run(t *testing.T, l listing, size int32) {
	for _, order := range []string{"id", "id desc"} {
		t.Run(fmt.Sprintf("%s by %d, %s", l.name, size, order), func(t *testing.T) {
			t.Parallel()
			var seen []*postsv1.Post
			for token := ""; ; {
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				p, err := l.page(ctx, size, order, token)
				cancel()
				if err != nil {
					t.Fatalf("after %d posts: %v", len(seen), err)
				}
				if len(p.posts) > int(size) {
					t.Fatalf("a page of %d has %d posts", size, len(p.posts))
				}
				seen = append(seen, p.posts...)
				if p.next == "" {
					break
				}
				token = p.next
			}
			if err := w.check(l, seen, order == "id desc"); err != nil {
				t.Error(err)
			}
		})
	}
}

// check holds what a walk saw against what was there all along.
func (w *walk) check(l listing, seen []*postsv1.Post, descending bool) error {
	var want []int64
	var belongs func(*postsv1.Post) bool
	switch {
	case strings.Contains(l.name, "thread"):
		belongs = func(p *postsv1.Post) bool { return p.GetThread() == seen[0].GetThread() }
	case strings.Contains(l.name, "user"):
		belongs = func(p *postsv1.Post) bool { return p.GetUser() == seen[0].GetUser() }
	default:
		belongs = func(*postsv1.Post) bool { return true }
	}
	if len(seen) == 0 {
		return errors.New("the walk saw nothing")
	}
	for _, p := range w.kept {
		if belongs(p) {
			want = append(want, p.GetId())
		}
	}
	if descending {
		slices.Reverse(want)
	}
	next := 0 // of want
	for i, p := range seen {
		if !belongs(p) {
			return fmt.Errorf("post %v does not belong here", p)
		}
		if i > 0 && (p.GetId() == seen[i-1].GetId() || (p.GetId() < seen[i-1].GetId()) != descending) {
			return fmt.Errorf("post %d comes after %d", p.GetId(), seen[i-1].GetId())
		}
		if next < len(want) && p.GetId() == want[next] {
			next++
		}
	}
	if next < len(want) {
		return fmt.Errorf("post %d was there all along and was not seen; %d of %d were", want[next], next, len(want))
	}
	return nil
}

// restListing lists posts over REST.
func restListing(b *clients, path string) listing {
	// Each request has its own connection: behind path rules, a connection leads to one
	// service only.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	page := func(ctx context.Context, size int32, order, token string) (postsPage, error) {
		query := url.Values{"pageSize": {strconv.Itoa(int(size))}, "orderBy": {order}}
		target := path + "?" + query.Encode()
		if token != "" {
			target = token // the link's URL
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.REST+target, nil)
		if err != nil {
			return postsPage{}, err
		}
		res, err := client.Do(req)
		if err != nil {
			return postsPage{}, err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return postsPage{}, fmt.Errorf("%s: %s", target, res.Status)
		}
		var posts []struct {
			ID     int64 `json:"id"`
			Thread int64 `json:"thread"`
			User   int64 `json:"user"`
		}
		if err := json.NewDecoder(res.Body).Decode(&posts); err != nil {
			return postsPage{}, err
		}
		p := postsPage{etag: res.Header.Get("ETag")}
		for _, post := range posts {
			p.posts = append(p.posts, &postsv1.Post{Id: post.ID, Thread: post.Thread, User: post.User})
		}
		if link := res.Header.Get("Link"); link != "" {
			next, ok := strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
			if !ok {
				return postsPage{}, fmt.Errorf("the link is %q", link)
			}
			p.next = next
		}
		return p, nil
	}
	return listing{"REST " + path, page}
}
