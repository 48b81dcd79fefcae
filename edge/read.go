package edge

import (
	"net/http"
	"sync"

	"google.golang.org/grpc"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// reader serves the reads of one service.
type reader struct {
	conn  grpc.ClientConnInterface
	lists gate // each service has its own, so that one that hangs holds up no other
}

func newReader(conn grpc.ClientConnInterface) reader { return reader{conn, newGate()} }

// call makes one call. If it fails, the answer is given and call returns false.
func (rd reader) call(w http.ResponseWriter, r *http.Request, method string, request, response any) bool {
	if err := rd.conn.Invoke(r.Context(), method, request, response); err != nil {
		fail(w, r, err)
		return false
	}
	return true
}

// pathID gives the id in the path. If it is none, the answer is given and pathID returns
// false.
func pathID(w http.ResponseWriter, r *http.Request, name string) (int64, bool) {
	id, ok := parseID(r.PathValue(name))
	if !ok {
		fail(w, r, errID)
	}
	return id, ok
}

// query gives what a listing's query asks for. If it is invalid, the answer is given and
// query returns false.
func query(w http.ResponseWriter, r *http.Request, filter string) (listQuery, bool) {
	q, err := parseListQuery(r.URL.RawQuery, filter)
	if err != nil {
		fail(w, r, err)
	}
	return q, err == nil
}

// A listResponse is a page as every service gives it.
type listResponse interface {
	GetEtag() string
	GetNextPageToken() string
}

// serveList reads a page and answers with it: the array, its entity tag and the link to
// the next one. Reading and writing as JSON has to wait for its turn, which ends before
// the answer is sent: that takes as long as the client likes.
func serveList[P listResponse, T any](rd reader, w http.ResponseWriter, r *http.Request, q listQuery, method string, request any, response P, list func(P) []T, appendOne func([]byte, T) []byte) {
	if err := rd.lists.enter(r.Context()); err != nil {
		fail(w, r, err)
		return
	}
	leave := sync.OnceFunc(rd.lists.leave)
	defer leave()
	if !rd.call(w, r, method, request, response) {
		return
	}
	if next := response.GetNextPageToken(); next != "" {
		linkNext(w, r, q, next)
	}
	answer(w, r, response.GetEtag(), func(b []byte) []byte {
		b = appendList(b, list(response), appendOne)
		leave()
		return b
	})
}

func (rd reader) getUser(w http.ResponseWriter, r *http.Request) {
	id, ok := pathID(w, r, "id")
	if !ok {
		return
	}
	out := new(usersv1.GetUserResponse)
	if !rd.call(w, r, usersv1.UsersService_GetUser_FullMethodName, &usersv1.GetUserRequest{Id: id}, out) {
		return
	}
	answer(w, r, out.GetUser().GetEtag(), func(b []byte) []byte { return appendUser(b, out.GetUser()) })
}

func (rd reader) listUsers(w http.ResponseWriter, r *http.Request) {
	q, ok := query(w, r, paramUsername)
	if !ok {
		return
	}
	in := &usersv1.ListUsersRequest{PageSize: q.pageSize, PageToken: q.pageToken, OrderBy: q.orderBy, Username: q.username}
	serveList(rd, w, r, q, usersv1.UsersService_ListUsers_FullMethodName, in, new(usersv1.ListUsersResponse), (*usersv1.ListUsersResponse).GetUsers, appendUser)
}

func (rd reader) getThread(w http.ResponseWriter, r *http.Request) {
	id, ok := pathID(w, r, "id")
	if !ok {
		return
	}
	out := new(threadsv1.GetThreadResponse)
	if !rd.call(w, r, threadsv1.ThreadsService_GetThread_FullMethodName, &threadsv1.GetThreadRequest{Id: id}, out) {
		return
	}
	answer(w, r, out.GetThread().GetEtag(), func(b []byte) []byte { return appendThread(b, out.GetThread()) })
}

func (rd reader) listThreads(w http.ResponseWriter, r *http.Request) {
	q, ok := query(w, r, paramCreatedBy)
	if !ok {
		return
	}
	in := &threadsv1.ListThreadsRequest{PageSize: q.pageSize, PageToken: q.pageToken, OrderBy: q.orderBy, CreatedBy: q.createdBy}
	serveList(rd, w, r, q, threadsv1.ThreadsService_ListThreads_FullMethodName, in, new(threadsv1.ListThreadsResponse), (*threadsv1.ListThreadsResponse).GetThreads, appendThread)
}

func (rd reader) getPost(w http.ResponseWriter, r *http.Request) {
	id, ok := pathID(w, r, "id")
	if !ok {
		return
	}
	out := new(postsv1.GetPostResponse)
	if !rd.call(w, r, postsv1.PostsService_GetPost_FullMethodName, &postsv1.GetPostRequest{Id: id}, out) {
		return
	}
	answer(w, r, out.GetPost().GetEtag(), func(b []byte) []byte { return appendPost(b, out.GetPost()) })
}

func (rd reader) listPosts(w http.ResponseWriter, r *http.Request) {
	q, ok := query(w, r, "")
	if !ok {
		return
	}
	in := &postsv1.ListPostsRequest{PageSize: q.pageSize, PageToken: q.pageToken, OrderBy: q.orderBy}
	serveList(rd, w, r, q, postsv1.PostsService_ListPosts_FullMethodName, in, new(postsv1.ListPostsResponse), (*postsv1.ListPostsResponse).GetPosts, appendPost)
}

func (rd reader) listPostsInThread(w http.ResponseWriter, r *http.Request) {
	thread, ok := pathID(w, r, "thread")
	if !ok {
		return
	}
	q, ok := query(w, r, "")
	if !ok {
		return
	}
	in := &postsv1.ListPostsInThreadRequest{Thread: thread, PageSize: q.pageSize, PageToken: q.pageToken, OrderBy: q.orderBy}
	serveList(rd, w, r, q, postsv1.PostsService_ListPostsInThread_FullMethodName, in, new(postsv1.ListPostsInThreadResponse), (*postsv1.ListPostsInThreadResponse).GetPosts, appendPost)
}

func (rd reader) listPostsByUser(w http.ResponseWriter, r *http.Request) {
	user, ok := pathID(w, r, "user")
	if !ok {
		return
	}
	q, ok := query(w, r, "")
	if !ok {
		return
	}
	in := &postsv1.ListPostsByUserRequest{User: user, PageSize: q.pageSize, PageToken: q.pageToken, OrderBy: q.orderBy}
	serveList(rd, w, r, q, postsv1.PostsService_ListPostsByUser_FullMethodName, in, new(postsv1.ListPostsByUserResponse), (*postsv1.ListPostsByUserResponse).GetPosts, appendPost)
}
