package edge

import (
	"context"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

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
// One strong tag is the service's to compare. Only for a list, or for a tag that never
// matches, must the resource be read first: one that does not exist is not found,
// whatever the condition (RFC 9110 section 13.2.1). Weak tags never match, nor do those
// that gRPC cannot send because they are not UTF-8.
func (t tags) guard(ctx context.Context, id int64, current currentEtag) (string, error) {
	if t.any {
		return "", nil
	}
	if len(t.list) == 1 && !isWeak(t.list[0]) && utf8.ValidString(t.list[0]) {
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

// writeConn completes the requests that the generated handlers make of writes: they have
// no place for the guard, which REST has in a header, and give an empty body, `{}`, a
// mask with one empty path.
type writeConn struct{ grpc.ClientConnInterface }

// Invoke makes a call.
func (c writeConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	var guard string
	if wr, ok := ctx.Value(writeKey{}).(*write); ok {
		guard = wr.guard
	}
	switch in := args.(type) {
	case *usersv1.UpdateUserRequest:
		in.Etag, in.UpdateMask = guard, namedFields(in.GetUpdateMask())
	case *threadsv1.UpdateThreadRequest:
		in.Etag, in.UpdateMask = guard, namedFields(in.GetUpdateMask())
	case *postsv1.UpdatePostRequest:
		in.Etag, in.UpdateMask = guard, namedFields(in.GetUpdateMask())
	case *postsv1.DeletePostRequest:
		in.Etag = guard
	}
	return c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}

// namedFields gives the mask without an empty path.
func namedFields(mask *fieldmaskpb.FieldMask) *fieldmaskpb.FieldMask {
	if paths := mask.GetPaths(); len(paths) == 1 && paths[0] == "" {
		return nil
	}
	return mask
}
