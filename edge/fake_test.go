package edge

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
	"github.com/splitboard/splitboard/internal/inproc"
)

// fakeBoard stands for all three services. It notes what it is asked and answers each
// method with a fixed message, or all of them with an error.
type fakeBoard struct {
	err     error
	replies map[string]proto.Message

	mu    sync.Mutex
	calls []fakeCall
}

type fakeCall struct {
	method  string
	request proto.Message
	md      metadata.MD
}

var (
	at  = &timestamppb.Timestamp{Seconds: 1767225600, Nanos: 5_000_000}
	ada = &usersv1.User{Id: 5, Username: "ada", Name: "Ada L.", Bio: "Notes\n<by> the \"translator\"", CreateTime: at, UpdateTime: at, Etag: `"2s"`}
	tea = &threadsv1.Thread{Id: 6, Title: "Tea", CreatedBy: 5, CreateTime: at, UpdateTime: at, Etag: `"2t"`}
	hot = &postsv1.Post{Thread: 6, Text: "Hot.", User: 5, Id: 7, CreateTime: at, UpdateTime: at, Etag: `"2u"`}
)

const (
	adaJSON = `{"id":5,"username":"ada","name":"Ada L.","bio":"Notes\n<by> the \"translator\"","createTime":"2026-01-01T00:00:00.005Z","updateTime":"2026-01-01T00:00:00.005Z","etag":"\"2s\""}`
	teaJSON = `{"id":6,"title":"Tea","createdBy":5,"createTime":"2026-01-01T00:00:00.005Z","updateTime":"2026-01-01T00:00:00.005Z","etag":"\"2t\""}`
	hotJSON = `{"thread":6,"text":"Hot.","user":5,"id":7,"createTime":"2026-01-01T00:00:00.005Z","updateTime":"2026-01-01T00:00:00.005Z","etag":"\"2u\""}`
)

func newFakeBoard() *fakeBoard {
	const weak = `W/"30"`
	return &fakeBoard{replies: map[string]proto.Message{
		usersv1.UsersService_CreateUser_FullMethodName:        &usersv1.CreateUserResponse{User: ada},
		usersv1.UsersService_GetUser_FullMethodName:           &usersv1.GetUserResponse{User: ada},
		usersv1.UsersService_ListUsers_FullMethodName:         &usersv1.ListUsersResponse{Users: []*usersv1.User{ada, ada}, NextPageToken: "n+x t", Etag: weak},
		usersv1.UsersService_UpdateUser_FullMethodName:        &usersv1.UpdateUserResponse{User: ada},
		threadsv1.ThreadsService_CreateThread_FullMethodName:  &threadsv1.CreateThreadResponse{Thread: tea},
		threadsv1.ThreadsService_GetThread_FullMethodName:     &threadsv1.GetThreadResponse{Thread: tea},
		threadsv1.ThreadsService_ListThreads_FullMethodName:   &threadsv1.ListThreadsResponse{Threads: []*threadsv1.Thread{tea}, NextPageToken: "next", Etag: weak},
		threadsv1.ThreadsService_UpdateThread_FullMethodName:  &threadsv1.UpdateThreadResponse{Thread: tea},
		postsv1.PostsService_CreatePost_FullMethodName:        &postsv1.CreatePostResponse{Post: hot},
		postsv1.PostsService_GetPost_FullMethodName:           &postsv1.GetPostResponse{Post: hot},
		postsv1.PostsService_ListPosts_FullMethodName:         &postsv1.ListPostsResponse{Posts: []*postsv1.Post{hot}, Etag: weak},
		postsv1.PostsService_ListPostsInThread_FullMethodName: &postsv1.ListPostsInThreadResponse{Posts: []*postsv1.Post{hot}, NextPageToken: "next", Etag: weak},
		postsv1.PostsService_ListPostsByUser_FullMethodName:   &postsv1.ListPostsByUserResponse{Etag: weak},
		postsv1.PostsService_UpdatePost_FullMethodName:        &postsv1.UpdatePostResponse{Post: hot},
		postsv1.PostsService_DeletePost_FullMethodName:        &postsv1.DeletePostResponse{},
	}}
}

// answer is the interceptor that takes every call.
func (f *fakeBoard) answer(ctx context.Context, req any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	f.mu.Lock()
	f.calls = append(f.calls, fakeCall{info.FullMethod, req.(proto.Message), md})
	f.mu.Unlock()
	// What a handler says in metadata must not become a header.
	if err := grpc.SetHeader(ctx, metadata.Pairs("secret", "yes")); err != nil {
		return nil, err
	}
	if err := grpc.SetTrailer(ctx, metadata.Pairs("secret", "yes")); err != nil {
		return nil, err
	}
	if f.err != nil {
		return nil, f.err
	}
	return f.replies[info.FullMethod], nil
}

// conns gives in-process connections to the named services, to all if none is named.
func (f *fakeBoard) conns(names ...string) map[string]grpc.ClientConnInterface {
	conn := inproc.New(f.answer)
	usersv1.RegisterUsersServiceServer(conn, usersv1.UnimplementedUsersServiceServer{})
	threadsv1.RegisterThreadsServiceServer(conn, threadsv1.UnimplementedThreadsServiceServer{})
	postsv1.RegisterPostsServiceServer(conn, postsv1.UnimplementedPostsServiceServer{})
	if names == nil {
		names = []string{users, threads, posts}
	}
	conns := make(map[string]grpc.ClientConnInterface)
	for _, name := range names {
		conns[name] = conn
	}
	return conns
}

func (f *fakeBoard) face() http.Handler { return New(f.conns(), serving) }

// last gives the last call, or none.
func (f *fakeBoard) last() fakeCall {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.calls) == 0 {
		return fakeCall{}
	}
	return f.calls[len(f.calls)-1]
}

func serving() bool { return false }

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// do makes a request. Headers are name and value in turn.
func do(face http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	var reader io.Reader = http.NoBody
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, reader)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	face.ServeHTTP(w, r)
	return w
}

// wantAnswer checks an answer's status and, where they are given, its body and headers
// (name and value in turn; an empty value is a header that must be missing).
func wantAnswer(t *testing.T, w *httptest.ResponseRecorder, code int, body string, headers ...string) {
	t.Helper()
	if w.Code != code {
		t.Errorf("status %d, want %d; body %s", w.Code, code, w.Body)
	}
	if body != "" && w.Body.String() != body {
		t.Errorf("body %s\nwant %s", w.Body, body)
	}
	for i := 0; i < len(headers); i += 2 {
		if got := strings.Join(w.Header().Values(headers[i]), " | "); got != headers[i+1] {
			t.Errorf("header %s: %q, want %q", headers[i], got, headers[i+1])
		}
	}
}

// wantReason checks that an answer is an error with this status and reason.
func wantReason(t *testing.T, w *httptest.ResponseRecorder, code int, reason string) {
	t.Helper()
	wantAnswer(t, w, code, "", "Content-Type", jsonType[0])
	if !strings.Contains(w.Body.String(), `"reason":"`+reason+`","domain":"splitboard"`) {
		t.Errorf("the reason is not %s: %s", reason, w.Body)
	}
}
