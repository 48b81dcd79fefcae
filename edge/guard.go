package edge

import (
	"context"

	"google.golang.org/grpc"

	"github.com/splitboard/splitboard/internal/etag"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// currentEtag reads the etag that a resource has now.
type currentEtag func(ctx context.Context, id int64) (string, error)

// guard gives the one etag that a resource must have when it is changed, "" if any will
// do. It returns etag.ErrMismatch if the resource can have no such etag, and the error
// of reading it.
//
// One strong tag is the service's to compare. Only for a list, or for a weak tag, which
// never matches, must the resource be read first: one that does not exist is not found,
// whatever the condition (RFC 9110 section 13.2.1).
func (t tags) guard(ctx context.Context, id int64, current currentEtag) (string, error) {
	if t.any {
		return "", nil
	}
	if len(t.list) == 1 && !isWeak(t.list[0]) {
		return t.list[0], nil
	}
	now, err := current(ctx, id)
	if err != nil {
		return "", err
	}
	if !t.matchStrongly(now) {
		return "", etag.ErrMismatch
	}
	return now, nil
}

func currentUser(conn grpc.ClientConnInterface) currentEtag {
	client := usersv1.NewUsersServiceClient(conn)
	return func(ctx context.Context, id int64) (string, error) {
		out, err := client.GetUser(ctx, &usersv1.GetUserRequest{Id: id})
		return out.GetUser().GetEtag(), err
	}
}

func currentThread(conn grpc.ClientConnInterface) currentEtag {
	client := threadsv1.NewThreadsServiceClient(conn)
	return func(ctx context.Context, id int64) (string, error) {
		out, err := client.GetThread(ctx, &threadsv1.GetThreadRequest{Id: id})
		return out.GetThread().GetEtag(), err
	}
}

func currentPost(conn grpc.ClientConnInterface) currentEtag {
	client := postsv1.NewPostsServiceClient(conn)
	return func(ctx context.Context, id int64) (string, error) {
		out, err := client.GetPost(ctx, &postsv1.GetPostRequest{Id: id})
		return out.GetPost().GetEtag(), err
	}
}

// guardedConn puts the guard of a write into its request. The generated handlers have no
// place for it: REST has it in a header.
type guardedConn struct{ grpc.ClientConnInterface }

// Invoke makes a call.
func (c guardedConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if wr, _ := ctx.Value(writeKey{}).(*write); wr != nil && wr.guard != "" {
		switch in := args.(type) {
		case *usersv1.UpdateUserRequest:
			in.Etag = wr.guard
		case *threadsv1.UpdateThreadRequest:
			in.Etag = wr.guard
		case *postsv1.UpdatePostRequest:
			in.Etag = wr.guard
		case *postsv1.DeletePostRequest:
			in.Etag = wr.guard
		}
	}
	return c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}
