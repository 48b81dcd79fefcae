package edge

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/grpc"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
	"github.com/splitboard/splitboard/internal/inproc"
)

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// benchBoard is a board whose services cost nothing.
func benchBoard() *fakeBoard {
	board := newFakeBoard()
	page := func(n int) []*postsv1.Post {
		list := make([]*postsv1.Post, n)
		for i := range list {
			list[i] = &postsv1.Post{
				Thread: 2, User: 1, Id: int64(i + 1), Text: strings.Repeat("Twelve words, give or take a few, is what a post usually has. ", 2),
				CreateTime: at, UpdateTime: at, Etag: `"2s"`,
			}
		}
		return list
	}
	board.replies[postsv1.PostsService_ListPostsInThread_FullMethodName] = &postsv1.ListPostsInThreadResponse{Posts: page(100), Etag: `W/"30"`}
	board.replies[postsv1.PostsService_ListPosts_FullMethodName] = &postsv1.ListPostsResponse{Posts: page(1000), NextPageToken: "next", Etag: `W/"30"`}
	return board
}

// benchFace is the board's REST face without the fake's own bookkeeping.
func (f *fakeBoard) benchFace() http.Handler {
	conn := inproc.New(func(_ context.Context, _ any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
		return f.replies[info.FullMethod], nil
	})
	usersv1.RegisterUsersServiceServer(conn, usersv1.UnimplementedUsersServiceServer{})
	postsv1.RegisterPostsServiceServer(conn, postsv1.UnimplementedPostsServiceServer{})
	return New(map[string]grpc.ClientConnInterface{users: conn, posts: conn}, serving)
}

// BenchmarkFace measures the edge and the in-process call alone: no network, no
// interceptors, no store.
func BenchmarkFace(b *testing.B) {
	face := benchBoard().benchFace()
	for _, c := range []struct{ name, method, target, body string }{
		{"GetOne", http.MethodGet, "/api/users/5", ""},
		{"PostsInThread100", http.MethodGet, "/api/posts/in-thread/2", ""},
		{"List1000", http.MethodGet, "/api/posts?pageSize=1000", ""},
		{"Create", http.MethodPost, "/api/posts", `{"thread":2,"user":1,"text":"Twelve words, give or take a few, is what a post usually has."}`},
		{"Update", http.MethodPatch, "/api/posts/1", `{"text":"Twelve words, give or take a few, is what a post usually has."}`},
		{"NotFound", http.MethodGet, "/api/nothing", ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			target, err := url.Parse(c.target)
			if err != nil {
				b.Fatal(err)
			}
			body := bytes.NewReader([]byte(c.body))
			w := &discard{header: make(http.Header)}
			r := httptest.NewRequest(c.method, c.target, io.NopCloser(body))
			r.ContentLength = int64(len(c.body))
			for b.Loop() {
				body.Reset([]byte(c.body))
				clear(w.header)
				r.URL = target
				face.ServeHTTP(w, r)
			}
		})
	}
}

func BenchmarkWriter(b *testing.B) {
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = appendUser(buf[:0], ada)
	}
}

func BenchmarkBody(b *testing.B) {
	b.ReportAllocs()
	body := []byte(adaJSON)
	for b.Loop() {
		if _, err := shapeOf(new(usersv1.User)).parse(body); err != nil {
			b.Fatal(err)
		}
	}
}
