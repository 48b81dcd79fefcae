package boardtest

import (
	"context"
	"testing"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

// A listing is one of the ways to list posts.
type listing struct {
	name string
	page func(ctx context.Context, size int32, order, token string) (postsPage, error)
}

type postsPage struct {
	posts      []*postsv1.Post
	next, etag string
}

func postsListing(b *clients) listing {
	return listing{"posts", func(ctx context.Context, size int32, order, token string) (postsPage, error) {
		res, err := b.posts.ListPosts(ctx, &postsv1.ListPostsRequest{PageSize: size, OrderBy: order, PageToken: token})
		return postsPage{res.GetPosts(), res.GetNextPageToken(), res.GetEtag()}, err
	}}
}

func inThreadListing(b *clients, thread int64) listing {
	return listing{"posts in thread", func(ctx context.Context, size int32, order, token string) (postsPage, error) {
		res, err := b.posts.ListPostsInThread(ctx, &postsv1.ListPostsInThreadRequest{Thread: thread, PageSize: size, OrderBy: order, PageToken: token})
		return postsPage{res.GetPosts(), res.GetNextPageToken(), res.GetEtag()}, err
	}}
}

func byUserListing(b *clients, user int64) listing {
	return listing{"posts by user", func(ctx context.Context, size int32, order, token string) (postsPage, error) {
		res, err := b.posts.ListPostsByUser(ctx, &postsv1.ListPostsByUserRequest{User: user, PageSize: size, OrderBy: order, PageToken: token})
		return postsPage{res.GetPosts(), res.GetNextPageToken(), res.GetEtag()}, err
	}}
}

// all walks all pages.
func (l listing) all(ctx context.Context, size int32, order string) ([]*postsv1.Post, error) {
	var posts []*postsv1.Post
	for token := ""; ; {
		p, err := l.page(ctx, size, order, token)
		if err != nil {
			return nil, err
		}
		posts = append(posts, p.posts...)
		if p.next == "" {
			return posts, nil
		}
		token = p.next
	}
}

// wantOrder checks that ids only go up, or only down: none comes twice.
func wantOrder[T any](t *testing.T, objects []T, id func(T) int64, descending bool) {
	t.Helper()
	for i := 1; i < len(objects); i++ {
		before, after := id(objects[i-1]), id(objects[i])
		if before == after || (before > after) != descending {
			t.Errorf("%d comes after %d, descending %t", after, before, descending)
			return
		}
	}
}
