package users

import (
	"context"
	"errors"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/etag"
	"github.com/splitboard/splitboard/internal/fields"
	"github.com/splitboard/splitboard/internal/page"
	"github.com/splitboard/splitboard/internal/store"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// Server answers the users service's RPCs from its store.
type Server struct {
	usersv1.UnsafeUsersServiceServer
	store *store.Store
}

var _ usersv1.UsersServiceServer = (*Server)(nil)

// NewServer returns a server over an open store of the service's Schema.
func NewServer(s *store.Store) *Server { return &Server{store: s} }

// CreateUser stores a new user. See the RPC's description for its errors.
func (s *Server) CreateUser(ctx context.Context, req *usersv1.CreateUserRequest) (*usersv1.CreateUserResponse, error) {
	if err := validate(req.GetUser()); err != nil {
		return nil, err
	}
	now := timestamppb.New(s.store.Now())
	return store.Mutate(ctx, s.store, usersv1.UsersService_CreateUser_FullMethodName, req,
		func(tx *store.Tx) (*usersv1.CreateUserResponse, error) {
			u, err := create(tx, req.GetUser(), now)
			return &usersv1.CreateUserResponse{User: u}, err
		})
}

// GetUser reads one user. See the RPC's description for its errors.
func (s *Server) GetUser(_ context.Context, req *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
	var v fields.Violations
	v.ID("id", req.GetId())
	if err := v.Err(); err != nil {
		return nil, err
	}
	resp := new(usersv1.GetUserResponse)
	return resp, s.store.View(func(tx *bbolt.Tx) (err error) {
		resp.User, err = get(tx.Bucket(usersBucket), req.GetId())
		return err
	})
}

// ListUsers reads a page of users. See the RPC's description for its errors.
func (s *Server) ListUsers(_ context.Context, req *usersv1.ListUsersRequest) (*usersv1.ListUsersResponse, error) {
	var v fields.Violations
	p, err := page.NewRequest(&v, s.store.PageSecret(), "users "+req.GetUsername(), req.GetPageSize(), req.GetPageToken(), req.GetOrderBy())
	if err != nil {
		return nil, err
	}
	resp := &usersv1.ListUsersResponse{Etag: etag.Weak(s.store.Sequence())}
	return resp, s.store.View(func(tx *bbolt.Tx) (err error) {
		if req.GetUsername() != "" {
			resp.Users, err = listByUsername(tx, req.GetUsername(), p)
			return err
		}
		resp.NextPageToken, err = p.Scan(tx.Bucket(usersBucket), nil, func(_ int64, value []byte) (int, error) {
			u, err := decode(value)
			resp.Users = append(resp.Users, u)
			return len(value), err
		})
		return err
	})
}

// listByUsername gives the one user with the username, or none.
func listByUsername(tx *bbolt.Tx, username string, p page.Request) ([]*usersv1.User, error) {
	u, err := getByUsername(tx, username)
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && p.After != 0:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return []*usersv1.User{u}, nil
}

// UpdateUser changes a user. See the RPC's description for its errors.
func (s *Server) UpdateUser(ctx context.Context, req *usersv1.UpdateUserRequest) (*usersv1.UpdateUserResponse, error) {
	var v fields.Violations
	v.ID("id", req.GetId())
	paths := mask.Paths(&v, req.GetUpdateMask(), req.GetUser())
	validateFields(&v, req.GetUser(), paths)
	if err := v.Err(); err != nil {
		return nil, err
	}
	now := timestamppb.New(s.store.Now())
	return store.Mutate(ctx, s.store, usersv1.UsersService_UpdateUser_FullMethodName, req,
		func(tx *store.Tx) (*usersv1.UpdateUserResponse, error) {
			u, err := update(tx, req, paths, now)
			return &usersv1.UpdateUserResponse{User: u}, err
		})
}
