package posts_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/splitboard/splitboard/internal/apierr/apierrtest"
	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/store/storetest"
	"github.com/splitboard/splitboard/services/posts"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

const ok = errorsv1.Reason_REASON_UNSPECIFIED

// peers knows the threads and users 1 to 9, unless it is down.
type peers struct {
	threadsv1.ThreadsServiceClient
	usersv1.UsersServiceClient
	down bool
}

func (p *peers) answer(id int64) error {
	switch {
	case p.down:
		return status.Error(codes.Unavailable, "connection refused")
	case id > 9:
		return status.Error(codes.NotFound, "there is none")
	}
	return nil
}

func (p *peers) GetThread(_ context.Context, req *threadsv1.GetThreadRequest, _ ...grpc.CallOption) (*threadsv1.GetThreadResponse, error) {
	return &threadsv1.GetThreadResponse{}, p.answer(req.GetId())
}

func (p *peers) GetUser(_ context.Context, req *usersv1.GetUserRequest, _ ...grpc.CallOption) (*usersv1.GetUserResponse, error) {
	return &usersv1.GetUserResponse{}, p.answer(req.GetId())
}

func newServer(tb testing.TB) (*posts.Server, *peers) {
	tb.Helper()
	p := new(peers)
	return posts.NewServer(storetest.Open(tb, posts.Schema, store.Options{}), p, p), p
}

func create(tb testing.TB, s *posts.Server, thread, user int64, text string) *postsv1.Post {
	tb.Helper()
	resp, err := s.CreatePost(tb.Context(), &postsv1.CreatePostRequest{Post: &postsv1.Post{Thread: thread, User: user, Text: text}})
	if err != nil {
		tb.Fatal(err)
	}
	return resp.GetPost()
}

func TestCreatePostChecks(t *testing.T) {
	s, _ := newServer(t)
	for name, c := range map[string]struct {
		post   *postsv1.Post
		reason errorsv1.Reason
		fields []string
	}{
		"nothing":         {nil, errorsv1.Reason_REASON_INVALID_FIELD, []string{"text", "thread", "user"}},
		"negative ids":    {&postsv1.Post{Thread: -1, User: -1, Text: "x"}, errorsv1.Reason_REASON_INVALID_FIELD, []string{"thread", "user"}},
		"too long":        {&postsv1.Post{Thread: 1, User: 1, Text: strings.Repeat("𝄞", 10_001)}, errorsv1.Reason_REASON_INVALID_FIELD, []string{"text"}},
		"carriage return": {&postsv1.Post{Thread: 1, User: 1, Text: "a\r\nb"}, errorsv1.Reason_REASON_INVALID_FIELD, []string{"text"}},
		"no thread":       {&postsv1.Post{Thread: 10, User: 1, Text: "x"}, errorsv1.Reason_REASON_REFERENCE_NOT_FOUND, []string{"thread"}},
		"no user":         {&postsv1.Post{Thread: 1, User: 10, Text: "x"}, errorsv1.Reason_REASON_REFERENCE_NOT_FOUND, []string{"user"}},
		"neither":         {&postsv1.Post{Thread: 10, User: 10, Text: "x"}, errorsv1.Reason_REASON_REFERENCE_NOT_FOUND, []string{"thread", "user"}},
		"longest":         {&postsv1.Post{Thread: 1, User: 1, Text: strings.Repeat("𝄞", 10_000)}, ok, nil},
		"tab and newline": {&postsv1.Post{Thread: 1, User: 1, Text: "a\tb\nc"}, ok, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.CreatePost(t.Context(), &postsv1.CreatePostRequest{Post: c.post})
			apierrtest.Want(t, err, c.reason, c.fields...)
		})
	}
}

func TestPeersDown(t *testing.T) {
	s, p := newServer(t)
	keyed := store.WithIdempotencyKey(t.Context(), "key")
	req := &postsv1.CreatePostRequest{Post: &postsv1.Post{Thread: 1, User: 2, Text: "x"}}
	first, err := s.CreatePost(keyed, req)
	if err != nil {
		t.Fatal(err)
	}
	p.down = true

	_, err = s.CreatePost(t.Context(), req)
	apierrtest.Want(t, err, errorsv1.Reason_REASON_PEER_UNAVAILABLE)
	again, err := s.CreatePost(keyed, req)
	if err != nil || !proto.Equal(again, first) {
		t.Errorf("the retry of a committed write answers %v (%v), want %v", again, err, first)
	}
	if got := ids(t, s, "in thread 1"); !slices.Equal(got, []int64{1}) {
		t.Errorf("reading gives the posts %v, want the one", got)
	}
	_, err = s.DeletePost(t.Context(), &postsv1.DeletePostRequest{Id: 1})
	apierrtest.Want(t, err, ok)
}

// ids walks a listing of one page: "all", "in thread 1" or "by user 1".
func ids(t *testing.T, s *posts.Server, listing string) []int64 {
	t.Helper()
	var list []*postsv1.Post
	var err error
	switch listing {
	case "all":
		var r *postsv1.ListPostsResponse
		r, err = s.ListPosts(t.Context(), &postsv1.ListPostsRequest{})
		list = r.GetPosts()
	case "in thread 1":
		var r *postsv1.ListPostsInThreadResponse
		r, err = s.ListPostsInThread(t.Context(), &postsv1.ListPostsInThreadRequest{Thread: 1})
		list = r.GetPosts()
	case "by user 1":
		var r *postsv1.ListPostsByUserResponse
		r, err = s.ListPostsByUser(t.Context(), &postsv1.ListPostsByUserRequest{User: 1})
		list = r.GetPosts()
	default:
		t.Fatalf("no listing %q", listing)
	}
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, p := range list {
		got = append(got, p.GetId())
	}
	return got
}

func TestListings(t *testing.T) {
	s, _ := newServer(t)
	create(t, s, 1, 1, "a") // 1
	create(t, s, 2, 1, "b") // 2
	create(t, s, 1, 2, "c") // 3
	create(t, s, 1, 1, "d") // 4
	want := func(all, inThread, byUser []int64) {
		t.Helper()
		for listing, want := range map[string][]int64{"all": all, "in thread 1": inThread, "by user 1": byUser} {
			if got := ids(t, s, listing); !slices.Equal(got, want) {
				t.Errorf("posts %s: %v, want %v", listing, got, want)
			}
		}
	}
	want([]int64{1, 2, 3, 4}, []int64{1, 3, 4}, []int64{1, 2, 4})
	if _, err := s.DeletePost(t.Context(), &postsv1.DeletePostRequest{Id: 4}); err != nil {
		t.Fatal(err)
	}
	want([]int64{1, 2, 3}, []int64{1, 3}, []int64{1, 2})
	if p := create(t, s, 1, 1, "e"); p.GetId() != 5 {
		t.Errorf("the post after a deleted last one has the id %d, want 5: ids are not used again", p.GetId())
	}
}

func TestUpdatePostReachesEveryListing(t *testing.T) {
	s, _ := newServer(t)
	before := create(t, s, 1, 1, "before")
	after, err := s.UpdatePost(t.Context(), &postsv1.UpdatePostRequest{Id: 1, Etag: before.GetEtag(), Post: &postsv1.Post{Text: "after"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.GetPost(t.Context(), &postsv1.GetPostRequest{Id: 1})
	if err != nil || !proto.Equal(got.GetPost(), after.GetPost()) {
		t.Errorf("read %v (%v), want %v", got.GetPost(), err, after.GetPost())
	}
	inThread, err := s.ListPostsInThread(t.Context(), &postsv1.ListPostsInThreadRequest{Thread: 1})
	if err != nil || len(inThread.GetPosts()) != 1 || !proto.Equal(inThread.GetPosts()[0], after.GetPost()) {
		t.Errorf("in its thread: %v (%v), want %v", inThread.GetPosts(), err, after.GetPost())
	}
	if before.GetEtag() == after.GetPost().GetEtag() || inThread.GetEtag() == "" {
		t.Errorf("etags: before %s, after %s, of the list %s", before.GetEtag(), after.GetPost().GetEtag(), inThread.GetEtag())
	}
}

func TestUpdateAndDeletePostChecks(t *testing.T) {
	s, _ := newServer(t)
	create(t, s, 1, 1, "x")
	mask := func(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }
	for name, c := range map[string]struct {
		req    *postsv1.UpdatePostRequest
		reason errorsv1.Reason
		fields []string
	}{
		"what never changes": {&postsv1.UpdatePostRequest{Id: 1, UpdateMask: mask("thread", "user", "text")}, errorsv1.Reason_REASON_INVALID_FIELD, []string{"thread", "user", "text"}},
		"no such post":       {&postsv1.UpdatePostRequest{Id: 7, Post: &postsv1.Post{Text: "y"}}, errorsv1.Reason_REASON_POST_NOT_FOUND, nil},
		"another's etag":     {&postsv1.UpdatePostRequest{Id: 1, Etag: `"zz"`, Post: &postsv1.Post{Text: "y"}}, errorsv1.Reason_REASON_ETAG_MISMATCH, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.UpdatePost(t.Context(), c.req)
			apierrtest.Want(t, err, c.reason, c.fields...)
		})
	}
	for name, c := range map[string]struct {
		req    *postsv1.DeletePostRequest
		reason errorsv1.Reason
		fields []string
	}{
		"no id":          {&postsv1.DeletePostRequest{}, errorsv1.Reason_REASON_INVALID_FIELD, []string{"id"}},
		"no such post":   {&postsv1.DeletePostRequest{Id: 7}, errorsv1.Reason_REASON_POST_NOT_FOUND, nil},
		"another's etag": {&postsv1.DeletePostRequest{Id: 1, Etag: `"zz"`}, errorsv1.Reason_REASON_ETAG_MISMATCH, nil},
	} {
		t.Run("delete "+name, func(t *testing.T) {
			_, err := s.DeletePost(t.Context(), c.req)
			apierrtest.Want(t, err, c.reason, c.fields...)
		})
	}
}

func TestADeleteUnderAKeyCanBeRetried(t *testing.T) {
	s, _ := newServer(t)
	create(t, s, 1, 1, "x")
	ctx := store.WithIdempotencyKey(t.Context(), "key")
	for range 2 {
		_, err := s.DeletePost(ctx, &postsv1.DeletePostRequest{Id: 1})
		apierrtest.Want(t, err, ok)
	}
	_, err := s.DeletePost(t.Context(), &postsv1.DeletePostRequest{Id: 1})
	apierrtest.Want(t, err, errorsv1.Reason_REASON_POST_NOT_FOUND)
}

func TestAPageEndsBeforeItOutgrowsAnAnswer(t *testing.T) {
	s, _ := newServer(t)
	text := strings.Repeat("𝄞", 10_000)
	for range 120 {
		create(t, s, 1, 1, text)
	}
	seen, token := 0, ""
	for {
		page, err := s.ListPosts(t.Context(), &postsv1.ListPostsRequest{PageSize: 1000, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		if size := proto.Size(page); size > 4<<20 {
			t.Errorf("a page of %d bytes, more than gRPC clients take by default", size)
		}
		seen += len(page.GetPosts())
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if seen != 120 {
		t.Errorf("saw %d posts, want 120", seen)
	}
}

func BenchmarkListPostsInThread100(b *testing.B) {
	s, _ := newServer(b)
	for range 100 {
		create(b, s, 1, 1, "a post of about the length that posts have, which is not very long")
	}
	req := &postsv1.ListPostsInThreadRequest{Thread: 1}
	b.ReportAllocs()
	for b.Loop() {
		resp, err := s.ListPostsInThread(b.Context(), req)
		if err != nil || len(resp.GetPosts()) != 100 {
			b.Fatal(len(resp.GetPosts()), err)
		}
	}
}

func BenchmarkGetPost(b *testing.B) {
	s, _ := newServer(b)
	create(b, s, 1, 1, "a post of about the length that posts have, which is not very long")
	req := &postsv1.GetPostRequest{Id: 1}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.GetPost(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}
