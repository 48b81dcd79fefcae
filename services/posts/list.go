package posts

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/splitboard/splitboard/internal/etag"
	"github.com/splitboard/splitboard/internal/fields"
	"github.com/splitboard/splitboard/internal/page"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

// ListPosts reads a page of posts. See the RPC's description for its errors.
func (s *Server) ListPosts(_ context.Context, req *postsv1.ListPostsRequest) (*postsv1.ListPostsResponse, error) {
	var v fields.Violations
	p, err := page.NewRequest(&v, s.store.PageSecret(), "posts", req.GetPageSize(), req.GetPageToken(), req.GetOrderBy())
	if err != nil {
		return nil, err
	}
	resp := &postsv1.ListPostsResponse{Etag: etag.Weak(s.store.Sequence())}
	resp.Posts, resp.NextPageToken, err = s.list(p, postsBucket, nil)
	return resp, err
}

// ListPostsInThread reads a page of a thread's posts. See the RPC's description for its
// errors.
func (s *Server) ListPostsInThread(_ context.Context, req *postsv1.ListPostsInThreadRequest) (*postsv1.ListPostsInThreadResponse, error) {
	var v fields.Violations
	v.ID("thread", req.GetThread())
	listing := fmt.Sprintf("posts in thread %d", req.GetThread())
	p, err := page.NewRequest(&v, s.store.PageSecret(), listing, req.GetPageSize(), req.GetPageToken(), req.GetOrderBy())
	if err != nil {
		return nil, err
	}
	resp := &postsv1.ListPostsInThreadResponse{Etag: etag.Weak(s.store.Sequence())}
	resp.Posts, resp.NextPageToken, err = s.list(p, inThreadBucket, idKey(req.GetThread()))
	return resp, err
}

// list reads a page from a bucket whose values are posts.
func (s *Server) list(p page.Request, bucket, prefix []byte) (posts []*postsv1.Post, next string, err error) {
	var d pageDecoder
	err = s.store.View(func(tx *bbolt.Tx) (err error) {
		next, err = p.Scan(tx.Bucket(bucket), prefix, func(_ int64, value []byte) (int, error) {
			post, err := d.decode(value)
			posts = append(posts, post)
			return len(value), err
		})
		return err
	})
	return posts, next, err
}

// ListPostsByUser reads a page of a user's posts. See the RPC's description for its
// errors.
func (s *Server) ListPostsByUser(_ context.Context, req *postsv1.ListPostsByUserRequest) (*postsv1.ListPostsByUserResponse, error) {
	var v fields.Violations
	v.ID("user", req.GetUser())
	listing := fmt.Sprintf("posts by user %d", req.GetUser())
	p, err := page.NewRequest(&v, s.store.PageSecret(), listing, req.GetPageSize(), req.GetPageToken(), req.GetOrderBy())
	if err != nil {
		return nil, err
	}
	resp := &postsv1.ListPostsByUserResponse{Etag: etag.Weak(s.store.Sequence())}
	var d pageDecoder
	return resp, s.store.View(func(tx *bbolt.Tx) (err error) {
		posts := tx.Bucket(postsBucket)
		resp.NextPageToken, err = p.Scan(tx.Bucket(byUserBucket), idKey(req.GetUser()), func(id int64, _ []byte) (int, error) {
			value := posts.Get(idKey(id))
			if value == nil {
				return 0, fmt.Errorf("post %d is in %s alone", id, byUserBucket)
			}
			post, err := d.decode(value)
			resp.Posts = append(resp.Posts, post)
			return len(value), err
		})
		return err
	})
}
