package edge

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

func TestReads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		target  string
		request proto.Message
		body    string
		etag    string
		link    string
	}{
		{"/api/users/5", &usersv1.GetUserRequest{Id: 5}, adaJSON, `"2s"`, ""},
		{"/api/users/5/", &usersv1.GetUserRequest{Id: 5}, adaJSON, `"2s"`, ""},
		{"/api/users/%35", &usersv1.GetUserRequest{Id: 5}, adaJSON, `"2s"`, ""},
		{"/api/users/9223372036854775807", &usersv1.GetUserRequest{Id: 9223372036854775807}, adaJSON, `"2s"`, ""},
		{"/api/users/5?id=6&etag=x&updateMask=name&user.name=x", &usersv1.GetUserRequest{Id: 5}, adaJSON, `"2s"`, ""},
		{"/api/threads/6", &threadsv1.GetThreadRequest{Id: 6}, teaJSON, `"2t"`, ""},
		{"/api/posts/7", &postsv1.GetPostRequest{Id: 7}, hotJSON, `"2u"`, ""},
		{
			"/api/users", &usersv1.ListUsersRequest{},
			"[" + adaJSON + "," + adaJSON + "]", `W/"30"`, `</api/users?pageToken=n%2Bx+t>; rel="next"`,
		},
		{
			"/api/users/?orderBy=id+desc&pageSize=7&username=Ad%61&pageToken=old&other=%zz&page_size=3&createdBy=x",
			&usersv1.ListUsersRequest{PageSize: 7, OrderBy: "id desc", Username: "Ada", PageToken: "old"},
			"", `W/"30"`, `</api/users?orderBy=id+desc&pageSize=7&username=Ada&pageToken=n%2Bx+t>; rel="next"`,
		},
		{
			"/api/threads?createdBy=5&pageSize=0&username=%zz", &threadsv1.ListThreadsRequest{CreatedBy: 5},
			"[" + teaJSON + "]", `W/"30"`, `</api/threads?createdBy=5&pageSize=0&pageToken=next>; rel="next"`,
		},
		{"/api/posts", &postsv1.ListPostsRequest{}, "[" + hotJSON + "]", `W/"30"`, ""},
		{"/api/posts?pageSize=99999999999999999999", &postsv1.ListPostsRequest{PageSize: 1000}, "", `W/"30"`, ""},
		{
			"/api/posts/in-thread/6?pageSize=1", &postsv1.ListPostsInThreadRequest{Thread: 6, PageSize: 1},
			"[" + hotJSON + "]", `W/"30"`, `</api/posts/in-thread/6?pageSize=1&pageToken=next>; rel="next"`,
		},
		{"/api/posts/by-user/5/?orderBy=id", &postsv1.ListPostsByUserRequest{User: 5, OrderBy: "id"}, "[]", `W/"30"`, ""},
	} {
		t.Run(c.target, func(t *testing.T) {
			t.Parallel()
			board := newFakeBoard()
			w := do(board.face(), http.MethodGet, c.target, "")
			wantAnswer(t, w, http.StatusOK, c.body,
				"Content-Type", "application/json; charset=utf-8",
				"Content-Length", strconv.Itoa(w.Body.Len()),
				"ETag", c.etag, "Link", c.link, "Grpc-Metadata-Secret", "")
			if got := board.last().request; !proto.Equal(got, c.request) {
				t.Errorf("asked %v, want %v", got, c.request)
			}
		})
	}
}

func TestInvalidIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"0", "-1", "+5", "007", "5a", "a", "1.0", "1e3", "9223372036854775808", "99999999999999999999", "%20", "5%20", "%E0%A5%AB", "five", "%00", "1%2F2", "in-thread"} {
		for _, path := range []string{"/api/users/", "/api/threads/", "/api/posts/", "/api/posts/in-thread/", "/api/posts/by-user/"} {
			board := newFakeBoard()
			wantReason(t, do(board.face(), http.MethodGet, path+id, ""), http.StatusBadRequest, "INVALID_ID")
			if len(board.calls) != 0 {
				t.Errorf("%s was asked for", path+id)
			}
		}
		for _, c := range [][2]string{{http.MethodPatch, "/api/users/"}, {http.MethodPatch, "/api/threads/"}, {http.MethodPatch, "/api/posts/"}, {http.MethodDelete, "/api/posts/"}} {
			board := newFakeBoard()
			wantReason(t, do(board.face(), c[0], c[1]+id, `{}`), http.StatusBadRequest, "INVALID_ID")
			if len(board.calls) != 0 {
				t.Errorf("%s %s reached the service", c[0], c[1]+id)
			}
		}
	}
}

func TestInvalidQueries(t *testing.T) {
	t.Parallel()
	for query, fields := range map[string][]string{
		"pageSize=-1":                        {"pageSize"},
		"pageSize=":                          {"pageSize"},
		"pageSize=+5":                        {"pageSize"},
		"pageSize=1.5":                       {"pageSize"},
		"pageSize=x&createdBy=0":             {"pageSize", "createdBy"},
		"pageSize=5&pageSize=5&pageSize=5":   {"pageSize"},
		"orderBy=id&orderBy=id&pageToken=%z": {"orderBy", "pageToken"},
		"createdBy=":                         {"createdBy"},
		"createdBy=01":                       {"createdBy"},
		"page%53ize=x":                       {"pageSize"},
		"pageToken=%ff&orderBy=id%c0":        {"pageToken", "orderBy"},
		// However often a fault is repeated, the answer stays short.
		strings.Repeat("pageSize=%z&", 1000): {"pageSize", "pageSize"},
		strings.Repeat("orderBy=%ff&", 1000): {"orderBy", "orderBy"},
		strings.Repeat("createdBy=x&", 1000): {"createdBy", "createdBy"},
	} {
		board := newFakeBoard()
		w := do(board.face(), http.MethodGet, "/api/threads?"+query, "")
		wantReason(t, w, http.StatusBadRequest, "INVALID_FIELD")
		if got := strings.Count(w.Body.String(), `"field":`); got != len(fields) {
			t.Errorf("%s: %d violations, want %d: %s", query, got, len(fields), w.Body)
		}
		for _, field := range fields {
			if !strings.Contains(w.Body.String(), `"field":"`+field+`"`) {
				t.Errorf("%s: %s is not named: %s", query, field, w.Body)
			}
		}
		if len(board.calls) != 0 {
			t.Errorf("%s was asked for", query)
		}
	}
}

func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		target string
		value  string
		code   int
	}{
		{"/api/users/5", `"2s"`, 304},
		{"/api/users/5", `W/"2s"`, 304},
		{"/api/users/5", `*`, 304},
		{"/api/users/5", ` * `, 304},
		{"/api/users/5", `"x", W/"y" ,"2s"`, 304},
		{"/api/users/5", `, "x",, "2s",`, 304},
		{"/api/users/5", `"2S"`, 200},
		{"/api/users/5", `"x", "y"`, 200},
		{"/api/users/5", `""`, 200},
		{"/api/users", `W/"30"`, 304},
		{"/api/users", `"30"`, 304},
		{"/api/users", `W/"31"`, 200},
		{"/api/users/5", ``, 400},
		{"/api/users/5", `2s`, 400},
		{"/api/users/5", `"2s`, 400},
		{"/api/users/5", `"2s" "x"`, 400},
		{"/api/users/5", `"2s";`, 400},
		{"/api/users/5", `*, "2s"`, 400},
		{"/api/users/5", `w/"2s"`, 400},
		{"/api/users/5", `W/`, 400},
		{"/api/users/5", `"2 s"`, 400},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			w := do(newFakeBoard().face(), method, c.target, "", "If-None-Match", c.value)
			switch c.code {
			case 400:
				wantReason(t, w, 400, "INVALID_FIELD")
				if !strings.Contains(w.Body.String(), `"field":"If-None-Match"`) {
					t.Errorf("%q: the header is not named: %s", c.value, w.Body)
				}
			case 304:
				wantAnswer(t, w, 304, "", "Content-Type", "", "Content-Length", "")
				if w.Body.Len() != 0 || w.Header().Get("ETag") == "" {
					t.Errorf("%q: 304 has the headers %v and the body %s", c.value, w.Header(), w.Body)
				}
			default:
				wantAnswer(t, w, c.code, "")
			}
		}
	}
	w := do(newFakeBoard().face(), http.MethodGet, "/api/users/5", "", "If-None-Match", `"x"`, "If-None-Match", `"2s"`)
	wantAnswer(t, w, 304, "")
}
