package threads

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/etag"
	"github.com/splitboard/splitboard/internal/fields"
	"github.com/splitboard/splitboard/internal/page"
	"github.com/splitboard/splitboard/internal/reference"
	"github.com/splitboard/splitboard/internal/store"

	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// Server answers the threads service's RPCs from its store, asking the users service
// whether a new thread's creator exists.
type Server struct {
	threadsv1.UnsafeThreadsServiceServer
	store *store.Store
	users usersv1.UsersServiceClient
}

var _ threadsv1.ThreadsServiceServer = (*Server)(nil)

// NewServer returns a server over an open store of the service's Schema.
func NewServer(s *store.Store, users usersv1.UsersServiceClient) *Server {
	return &Server{store: s, users: users}
}

// CreateThread stores a new thread. See the RPC's description for its errors.
func (s *Server) CreateThread(ctx context.Context, req *threadsv1.CreateThreadRequest) (*threadsv1.CreateThreadResponse, error) {
	const method = threadsv1.ThreadsService_CreateThread_FullMethodName
	if err := validate(req.GetThread()); err != nil {
		return nil, err
	}
	// A retry of a write that was committed must not fail because users is down.
	if answer, found, err := store.Answered[*threadsv1.CreateThreadResponse](ctx, s.store, method, req); found || err != nil {
		return answer, err
	}
	err := reference.Check(ctx, reference.Reference{Field: "createdBy", Service: "users", Get: func(ctx context.Context) error {
		_, err := s.users.GetUser(ctx, &usersv1.GetUserRequest{Id: req.GetThread().GetCreatedBy()})
		return err
	}})
	if err != nil {
		return nil, err
	}
	now := timestamppb.New(s.store.Now())
	return store.Mutate(ctx, s.store, method, req, func(tx *store.Tx) (*threadsv1.CreateThreadResponse, error) {
		t, err := create(tx, req.GetThread(), now)
		return &threadsv1.CreateThreadResponse{Thread: t}, err
	})
}

// GetThread reads one thread. See the RPC's description for its errors.
func (s *Server) GetThread(_ context.Context, req *threadsv1.GetThreadRequest) (*threadsv1.GetThreadResponse, error) {
	var v fields.Violations
	v.ID("id", req.GetId())
	if err := v.Err(); err != nil {
		return nil, err
	}
	resp := new(threadsv1.GetThreadResponse)
	return resp, s.store.View(func(tx *bbolt.Tx) (err error) {
		resp.Thread, err = get(tx.Bucket(threadsBucket), req.GetId())
		return err
	})
}

// ListThreads reads a page of threads. See the RPC's description for its errors.
func (s *Server) ListThreads(_ context.Context, req *threadsv1.ListThreadsRequest) (*threadsv1.ListThreadsResponse, error) {
	var v fields.Violations
	if req.GetCreatedBy() < 0 {
		v.ID("createdBy", req.GetCreatedBy())
	}
	listing := fmt.Sprintf("threads %d", req.GetCreatedBy())
	p, err := page.NewRequest(&v, s.store.PageSecret(), listing, req.GetPageSize(), req.GetPageToken(), req.GetOrderBy())
	if err != nil {
		return nil, err
	}
	resp := &threadsv1.ListThreadsResponse{Etag: etag.Weak(s.store.Sequence())}
	return resp, s.store.View(func(tx *bbolt.Tx) (err error) {
		threads := tx.Bucket(threadsBucket)
		add := func(_ int64, value []byte) (int, error) {
			t, err := decode(value)
			resp.Threads = append(resp.Threads, t)
			return len(value), err
		}
		if req.GetCreatedBy() == 0 {
			resp.NextPageToken, err = p.Scan(threads, nil, add)
			return err
		}
		resp.NextPageToken, err = p.Scan(tx.Bucket(byCreatorBucket), idKey(req.GetCreatedBy()), func(id int64, _ []byte) (int, error) {
			value := threads.Get(idKey(id))
			if value == nil {
				return 0, fmt.Errorf("thread %d is in %s alone", id, byCreatorBucket)
			}
			return add(id, value)
		})
		return err
	})
}

// UpdateThread changes a thread. See the RPC's description for its errors.
func (s *Server) UpdateThread(ctx context.Context, req *threadsv1.UpdateThreadRequest) (*threadsv1.UpdateThreadResponse, error) {
	var v fields.Violations
	v.ID("id", req.GetId())
	paths := mask.Paths(&v, req.GetUpdateMask(), req.GetThread())
	validateFields(&v, req.GetThread(), paths)
	if err := v.Err(); err != nil {
		return nil, err
	}
	now := timestamppb.New(s.store.Now())
	return store.Mutate(ctx, s.store, threadsv1.ThreadsService_UpdateThread_FullMethodName, req,
		func(tx *store.Tx) (*threadsv1.UpdateThreadResponse, error) {
			t, err := update(tx, req, paths, now)
			return &threadsv1.UpdateThreadResponse{Thread: t}, err
		})
}
