package boardtest

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

// runPosts tries every RPC of the posts service.
func runPosts(t *testing.T, b *clients) {
	create := func(t *testing.T, p *postsv1.Post) error {
		_, err := b.posts.CreatePost(deadline(t), &postsv1.CreatePostRequest{Post: p})
		return err
	}
	get := func(t *testing.T, id int64) *postsv1.Post {
		t.Helper()
		res, err := b.posts.GetPost(deadline(t), &postsv1.GetPostRequest{Id: id})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetPost()
	}

	t.Run("CreatePost", func(t *testing.T) {
		th := b.someThread(t)
		p := b.createPost(t, &postsv1.Post{Thread: th.GetId(), Text: "Yes\n\tand no", User: th.GetCreatedBy(), Id: 999999997, Etag: `"zz"`})
		wantStamps(t, p.GetId(), p.GetCreateTime(), p.GetUpdateTime(), p.GetEtag())
		wantEqual(t, "the post", p, &postsv1.Post{
			Thread: th.GetId(), Text: "Yes\n\tand no", User: th.GetCreatedBy(), Id: p.GetId(),
			CreateTime: p.GetCreateTime(), UpdateTime: p.GetUpdateTime(), Etag: p.GetEtag(),
		})
		if p.GetId() == 999999997 || p.GetEtag() == `"zz"` {
			t.Error("output only fields were taken from the request")
		}
		wantEqual(t, "the post read", get(t, p.GetId()), p)

		wantFailure(t, create(t, nil), "INVALID_FIELD", "thread", "text", "user")
		wantFailure(t, create(t, &postsv1.Post{Thread: -1, Text: strings.Repeat("x", 10_001), User: -1}), "INVALID_FIELD", "thread", "text", "user")
		wantFailure(t, create(t, &postsv1.Post{Thread: th.GetId(), Text: "a\rb", User: th.GetCreatedBy()}), "INVALID_FIELD", "text")
		wantFailure(t, create(t, &postsv1.Post{Thread: 999999999, Text: "A", User: th.GetCreatedBy()}), "REFERENCE_NOT_FOUND", "thread")
		wantFailure(t, create(t, &postsv1.Post{Thread: th.GetId(), Text: "A", User: 999999999}), "REFERENCE_NOT_FOUND", "user")
		wantFailure(t, create(t, &postsv1.Post{Thread: 999999999, Text: "A", User: 999999999}), "REFERENCE_NOT_FOUND", "thread", "user")
	})

	t.Run("GetPost", func(t *testing.T) {
		_, err := b.posts.GetPost(deadline(t), &postsv1.GetPostRequest{Id: 999999999})
		wantFailure(t, err, "POST_NOT_FOUND")
		_, err = b.posts.GetPost(deadline(t), &postsv1.GetPostRequest{Id: -5})
		wantFailure(t, err, "INVALID_FIELD", "id")
	})

	t.Run("lists", func(t *testing.T) {
		one, two := b.someThread(t), b.someThread(t)
		var inThread, byUser []*postsv1.Post
		for i := range 10 {
			p := &postsv1.Post{Thread: one.GetId(), Text: unique(), User: one.GetCreatedBy()}
			if i%2 == 1 {
				p.Thread = two.GetId()
			}
			if i%3 == 2 {
				p.User = two.GetCreatedBy()
			}
			p = b.createPost(t, p)
			if p.GetThread() == one.GetId() {
				inThread = append(inThread, p)
			}
			if p.GetUser() == one.GetCreatedBy() {
				byUser = append(byUser, p)
			}
		}
		for _, l := range []struct {
			listing listing
			want    []*postsv1.Post
		}{{inThreadListing(b, one.GetId()), inThread}, {byUserListing(b, one.GetCreatedBy()), byUser}} {
			for _, order := range []string{"", "id desc"} {
				got, err := l.listing.all(deadline(t), 2, order)
				if err != nil {
					t.Fatal(err)
				}
				if len(got) != len(l.want) {
					t.Fatalf("%s, order %q: %d of %d posts", l.listing.name, order, len(got), len(l.want))
				}
				for i, p := range got {
					want := l.want[i]
					if order != "" {
						want = l.want[len(l.want)-1-i]
					}
					wantEqual(t, "a post listed", p, want)
				}
			}
		}
		for _, l := range []listing{inThreadListing(b, 999999999), byUserListing(b, 1<<63-1)} {
			if p, err := l.page(deadline(t), 0, "", ""); err != nil || len(p.posts) != 0 || p.next != "" {
				t.Errorf("%s of nothing gave %v, %v", l.name, p, err)
			}
		}
		for _, l := range []listing{postsListing(b), inThreadListing(b, one.GetId()), byUserListing(b, one.GetCreatedBy())} {
			_, err := l.page(deadline(t), -1, "text", "")
			wantFailure(t, err, "INVALID_FIELD", "pageSize", "orderBy")
			p, err := l.page(deadline(t), 1<<31-1, "id desc", "")
			if err != nil {
				t.Fatal(err)
			}
			wantTag(t, p.etag, "W/")
			wantOrder(t, p.posts, (*postsv1.Post).GetId, true)
		}
		_, err := inThreadListing(b, 0).page(deadline(t), 0, "", "")
		wantFailure(t, err, "INVALID_FIELD", "thread")
		_, err = byUserListing(b, -1).page(deadline(t), -1, "", "")
		wantFailure(t, err, "INVALID_FIELD", "user", "pageSize")
	})

	t.Run("long posts end a page early", func(t *testing.T) {
		const made = 70
		th := b.someThread(t)
		text := strings.Repeat("🚀", 10_000)
		for range made {
			b.createPost(t, &postsv1.Post{Thread: th.GetId(), Text: text, User: th.GetCreatedBy()})
		}
		l := inThreadListing(b, th.GetId())
		p, err := l.page(deadline(t), 1000, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if size := len(p.posts) * len(text); size < mebibyte || size > 3*mebibyte || p.next == "" {
			t.Errorf("a page has %d bytes of text and the next token %q", size, p.next)
		}
		all, err := l.all(deadline(t), 1000, "id desc")
		if err != nil || len(all) != made {
			t.Errorf("all pages have %d of %d posts, %v", len(all), made, err)
		}
	})

	t.Run("UpdatePost", func(t *testing.T) {
		for _, c := range []struct {
			name string
			req  *postsv1.UpdatePostRequest // its id is set below
			text string                     // "" if nothing shall change
		}{
			{"a path", &postsv1.UpdatePostRequest{Post: &postsv1.Post{Text: "T", Thread: 7}, UpdateMask: mask("text")}, "T"},
			{"no mask", &postsv1.UpdatePostRequest{Post: &postsv1.Post{Text: "T", Id: 7}}, "T"},
			{"immutable fields, no mask", &postsv1.UpdatePostRequest{Post: &postsv1.Post{Text: "T", Thread: 1, User: 1}}, "T"},
			{"star", &postsv1.UpdatePostRequest{Post: &postsv1.Post{Text: "T"}, UpdateMask: mask("*")}, "T"},
			{"output only paths", &postsv1.UpdatePostRequest{Post: &postsv1.Post{Text: "T", Id: 7}, UpdateMask: mask("id", "create_time")}, ""},
			{"the same text", &postsv1.UpdatePostRequest{Post: &postsv1.Post{Text: "Some post"}}, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				before := b.somePost(t)
				c.req.Id = before.GetId()
				res, err := b.posts.UpdatePost(deadline(t), c.req)
				if err != nil {
					t.Fatal(err)
				}
				want := proto.CloneOf(before)
				if c.text != "" {
					want.Text, want.Etag, want.UpdateTime = c.text, res.GetPost().GetEtag(), res.GetPost().GetUpdateTime()
					if want.GetEtag() == before.GetEtag() {
						t.Error("the etag is as before the change")
					}
				}
				wantEqual(t, "the post after the change", res.GetPost(), want)
				wantEqual(t, "the post read after the change", get(t, before.GetId()), want)
				for _, l := range []listing{inThreadListing(b, before.GetThread()), byUserListing(b, before.GetUser())} {
					p, err := l.page(deadline(t), 0, "", "")
					if err != nil || len(p.posts) != 1 {
						t.Fatalf("%s: %v, %v", l.name, p, err)
					}
					wantEqual(t, "the post listed after the change", p.posts[0], want)
				}
			})
		}
		for _, c := range []struct {
			name   string
			req    *postsv1.UpdatePostRequest // its id is set below if it is 0
			reason string
			fields []string
		}{
			{"no such post", &postsv1.UpdatePostRequest{Id: 999999999, Post: &postsv1.Post{Text: "T"}}, "POST_NOT_FOUND", nil},
			{"immutable paths", &postsv1.UpdatePostRequest{Post: &postsv1.Post{Text: "T", Thread: 1}, UpdateMask: mask("thread", "text", "user")}, "INVALID_FIELD", []string{"thread", "user"}},
			{"all wrong at once", &postsv1.UpdatePostRequest{Id: -1, Post: &postsv1.Post{}, UpdateMask: mask("thread", "text", "color")}, "INVALID_FIELD", []string{"id", "thread", "text", "updateMask"}},
			{"another etag", &postsv1.UpdatePostRequest{Post: &postsv1.Post{Text: "T"}, Etag: `"zz"`}, "ETAG_MISMATCH", nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				before := b.somePost(t)
				if c.req.GetId() == 0 {
					c.req.Id = before.GetId()
				}
				_, err := b.posts.UpdatePost(deadline(t), c.req)
				wantFailure(t, err, c.reason, c.fields...)
				wantEqual(t, "the post after a refused change", get(t, before.GetId()), before)
			})
		}
	})

	t.Run("DeletePost", func(t *testing.T) {
		drop := func(id int64, etag string) error {
			_, err := b.posts.DeletePost(deadline(t), &postsv1.DeletePostRequest{Id: id, Etag: etag})
			return err
		}
		p := b.somePost(t)
		wantFailure(t, drop(p.GetId(), `"zz"`), "ETAG_MISMATCH")
		wantFailure(t, drop(0, ""), "INVALID_FIELD", "id")
		if err := drop(p.GetId(), p.GetEtag()); err != nil {
			t.Fatal(err)
		}
		wantFailure(t, drop(p.GetId(), ""), "POST_NOT_FOUND")
		wantFailure(t, drop(p.GetId(), p.GetEtag()), "POST_NOT_FOUND")
		_, err := b.posts.GetPost(deadline(t), &postsv1.GetPostRequest{Id: p.GetId()})
		wantFailure(t, err, "POST_NOT_FOUND")
		for _, l := range []listing{inThreadListing(b, p.GetThread()), byUserListing(b, p.GetUser())} {
			if page, err := l.page(deadline(t), 0, "", ""); err != nil || len(page.posts) != 0 {
				t.Errorf("%s after the only post's delete: %v, %v", l.name, page, err)
			}
		}
		if next := b.somePost(t); next.GetId() <= p.GetId() {
			t.Errorf("after post %d came %d", p.GetId(), next.GetId())
		}
	})
}
