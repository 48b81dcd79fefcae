package load

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// call makes a request's RPC.
func call(ctx context.Context, c grpc.ClientConnInterface, r *request) (of int, it item, err error) {
	switch r.kind.Service() {
	case Users:
		return callUsers(ctx, usersv1.NewUsersServiceClient(c), r)
	case Threads:
		return callThreads(ctx, threadsv1.NewThreadsServiceClient(c), r)
	default:
		return callPosts(ctx, postsv1.NewPostsServiceClient(c), r)
	}
}

func callUsers(ctx context.Context, c usersv1.UsersServiceClient, r *request) (of int, it item, err error) {
	var u *usersv1.User
	switch r.kind {
	case CreateUser:
		var res *usersv1.CreateUserResponse
		res, err = c.CreateUser(ctx, &usersv1.CreateUserRequest{User: &usersv1.User{Username: r.username, Name: r.content}})
		u = res.GetUser()
	case UpdateUser:
		var res *usersv1.UpdateUserResponse
		res, err = c.UpdateUser(ctx, &usersv1.UpdateUserRequest{
			Id: r.id, User: &usersv1.User{Name: r.content}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}}, Etag: r.match,
		})
		u = res.GetUser()
	case GetUser:
		var res *usersv1.GetUserResponse
		res, err = c.GetUser(ctx, &usersv1.GetUserRequest{Id: r.id})
		u = res.GetUser()
	case FindUser:
		var res *usersv1.ListUsersResponse
		res, err = c.ListUsers(ctx, &usersv1.ListUsersRequest{Username: r.username})
		if err != nil || len(res.GetUsers()) == 0 {
			return 0, item{}, err
		}
		return len(res.GetUsers()), item{id: res.GetUsers()[0].GetId()}, nil
	default:
		return 0, item{}, unknown(r)
	}
	return 1, item{id: u.GetId(), content: u.GetName(), etag: u.GetEtag(), username: u.GetUsername()}, err
}

func callThreads(ctx context.Context, c threadsv1.ThreadsServiceClient, r *request) (of int, it item, err error) {
	var t *threadsv1.Thread
	switch r.kind {
	case CreateThread:
		var res *threadsv1.CreateThreadResponse
		res, err = c.CreateThread(ctx, &threadsv1.CreateThreadRequest{Thread: &threadsv1.Thread{Title: r.content, CreatedBy: r.user}})
		t = res.GetThread()
	case UpdateThread:
		var res *threadsv1.UpdateThreadResponse
		res, err = c.UpdateThread(ctx, &threadsv1.UpdateThreadRequest{
			Id: r.id, Thread: &threadsv1.Thread{Title: r.content}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"title"}}, Etag: r.match,
		})
		t = res.GetThread()
	case GetThread:
		var res *threadsv1.GetThreadResponse
		res, err = c.GetThread(ctx, &threadsv1.GetThreadRequest{Id: r.id})
		t = res.GetThread()
	case ListThreads:
		_, err = c.ListThreads(ctx, &threadsv1.ListThreadsRequest{CreatedBy: r.id, PageSize: pageSize})
		return 0, item{}, err
	default:
		return 0, item{}, unknown(r)
	}
	return 1, item{id: t.GetId(), content: t.GetTitle(), etag: t.GetEtag()}, err
}

func callPosts(ctx context.Context, c postsv1.PostsServiceClient, r *request) (of int, it item, err error) {
	var p *postsv1.Post
	switch r.kind {
	case CreatePost:
		var res *postsv1.CreatePostResponse
		res, err = c.CreatePost(ctx, &postsv1.CreatePostRequest{Post: &postsv1.Post{Thread: r.thread, Text: r.content, User: r.user}})
		p = res.GetPost()
	case UpdatePost:
		var res *postsv1.UpdatePostResponse
		res, err = c.UpdatePost(ctx, &postsv1.UpdatePostRequest{
			Id: r.id, Post: &postsv1.Post{Text: r.content}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"text"}}, Etag: r.match,
		})
		p = res.GetPost()
	case DeletePost:
		_, err = c.DeletePost(ctx, &postsv1.DeletePostRequest{Id: r.id, Etag: r.match})
		return 0, item{}, err
	case GetPost:
		var res *postsv1.GetPostResponse
		res, err = c.GetPost(ctx, &postsv1.GetPostRequest{Id: r.id})
		p = res.GetPost()
	case ListPostsInThread:
		_, err = c.ListPostsInThread(ctx, &postsv1.ListPostsInThreadRequest{Thread: r.id, PageSize: pageSize})
		return 0, item{}, err
	case ListPostsByUser:
		_, err = c.ListPostsByUser(ctx, &postsv1.ListPostsByUserRequest{User: r.id, PageSize: pageSize})
		return 0, item{}, err
	default:
		return 0, item{}, unknown(r)
	}
	return 1, item{id: p.GetId(), content: p.GetText(), etag: p.GetEtag()}, err
}

// unknown is a kind that a service does not know: a mistake in this package.
func unknown(r *request) error { return fmt.Errorf("%s has no RPC", r.kind) }
