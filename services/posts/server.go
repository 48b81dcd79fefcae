package posts

import (
	"context"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/fields"
	"github.com/splitboard/splitboard/internal/reference"
	"github.com/splitboard/splitboard/internal/store"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// Server answers the posts service's RPCs from its store, asking the threads and users
// services whether a new post's thread and user exist.
type Server struct {
	postsv1.UnsafePostsServiceServer
	store   *store.Store
	threads threadsv1.ThreadsServiceClient
	users   usersv1.UsersServiceClient
}

var _ postsv1.PostsServiceServer = (*Server)(nil)

// NewServer returns a server over an open store of the service's Schema.
func NewServer(s *store.Store, threads threadsv1.ThreadsServiceClient, users usersv1.UsersServiceClient) *Server {
	return &Server{store: s, threads: threads, users: users}
}

// CreatePost stores a new post. See the RPC's description for its errors.
func (s *Server) CreatePost(ctx context.Context, req *postsv1.CreatePostRequest) (*postsv1.CreatePostResponse, error) {
	const method = postsv1.PostsService_CreatePost_FullMethodName
	if err := validate(req.GetPost()); err != nil {
		return nil, err
	}
	// A retry of a write that was committed must not fail because a peer is down.
	if answer, found, err := store.Answered[*postsv1.CreatePostResponse](ctx, s.store, method, req); found || err != nil {
		return answer, err
	}
	if err := s.checkReferences(ctx, req.GetPost()); err != nil {
		return nil, err
	}
	now := timestamppb.New(s.store.Now())
	return store.Mutate(ctx, s.store, method, req, func(tx *store.Tx) (*postsv1.CreatePostResponse, error) {
		p, err := create(tx, req.GetPost(), now)
		return &postsv1.CreatePostResponse{Post: p}, err
	})
}

// checkReferences asks for the post's thread and user.
func (s *Server) checkReferences(ctx context.Context, p *postsv1.Post) error {
	return reference.Check(ctx,
		reference.Reference{Field: "thread", Service: "threads", Get: func(ctx context.Context) error {
			_, err := s.threads.GetThread(ctx, &threadsv1.GetThreadRequest{Id: p.GetThread()})
			return err
		}},
		reference.Reference{Field: "user", Service: "users", Get: func(ctx context.Context) error {
			_, err := s.users.GetUser(ctx, &usersv1.GetUserRequest{Id: p.GetUser()})
			return err
		}})
}

// GetPost reads one post. See the RPC's description for its errors.
func (s *Server) GetPost(_ context.Context, req *postsv1.GetPostRequest) (*postsv1.GetPostResponse, error) {
	var v fields.Violations
	v.ID("id", req.GetId())
	if err := v.Err(); err != nil {
		return nil, err
	}
	resp := new(postsv1.GetPostResponse)
	return resp, s.store.View(func(tx *bbolt.Tx) (err error) {
		resp.Post, err = get(tx.Bucket(postsBucket), req.GetId())
		return err
	})
}

// UpdatePost changes a post. See the RPC's description for its errors.
func (s *Server) UpdatePost(ctx context.Context, req *postsv1.UpdatePostRequest) (*postsv1.UpdatePostResponse, error) {
	var v fields.Violations
	v.ID("id", req.GetId())
	paths := mask.Paths(&v, req.GetUpdateMask(), req.GetPost())
	validateFields(&v, req.GetPost(), paths)
	if err := v.Err(); err != nil {
		return nil, err
	}
	now := timestamppb.New(s.store.Now())
	return store.Mutate(ctx, s.store, postsv1.PostsService_UpdatePost_FullMethodName, req,
		func(tx *store.Tx) (*postsv1.UpdatePostResponse, error) {
			p, err := update(tx, req, paths, now)
			return &postsv1.UpdatePostResponse{Post: p}, err
		})
}

// DeletePost deletes a post. See the RPC's description for its errors.
func (s *Server) DeletePost(ctx context.Context, req *postsv1.DeletePostRequest) (*postsv1.DeletePostResponse, error) {
	var v fields.Violations
	v.ID("id", req.GetId())
	if err := v.Err(); err != nil {
		return nil, err
	}
	return store.Mutate(ctx, s.store, postsv1.PostsService_DeletePost_FullMethodName, req,
		func(tx *store.Tx) (*postsv1.DeletePostResponse, error) {
			return &postsv1.DeletePostResponse{}, remove(tx, req)
		})
}
