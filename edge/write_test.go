package edge

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

func TestWrites(t *testing.T) {
	t.Parallel()
	mask := func(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }
	for _, c := range []struct {
		method, target, body string
		request              proto.Message
		code                 int
		answer, etag, place  string
	}{
		{
			"POST", "/api/users", `{"username":"ada","name":"Ada"}`,
			&usersv1.CreateUserRequest{User: &usersv1.User{Username: "ada", Name: "Ada"}},
			201, adaJSON, `"2s"`, "/api/users/5",
		},
		{"POST", "/api/users/", `{}`, &usersv1.CreateUserRequest{User: &usersv1.User{}}, 201, adaJSON, `"2s"`, "/api/users/5"},
		{
			"POST", "/api/threads?title=x&thread.title=x", `{"title":"Tea","created_by":"5"}`,
			&threadsv1.CreateThreadRequest{Thread: &threadsv1.Thread{Title: "Tea", CreatedBy: 5}},
			201, teaJSON, `"2t"`, "/api/threads/6",
		},
		{
			"POST", "/api/posts", `{"thread":6,"user":5,"text":"Hot."}`,
			&postsv1.CreatePostRequest{Post: &postsv1.Post{Thread: 6, User: 5, Text: "Hot."}},
			201, hotJSON, `"2u"`, "/api/posts/7",
		},
		{
			"PATCH", "/api/users/5", `{"bio":null,"name":"A"}`,
			&usersv1.UpdateUserRequest{Id: 5, User: &usersv1.User{Name: "A"}, UpdateMask: mask("bio", "name")},
			200, adaJSON, `"2s"`, "",
		},
		{
			"PATCH", "/api/users/5/?etag=x&updateMask=username&update_mask=username&id=6", `{"name":"A"}`,
			&usersv1.UpdateUserRequest{Id: 5, User: &usersv1.User{Name: "A"}, UpdateMask: mask("name")},
			200, adaJSON, `"2s"`, "",
		},
		{
			"PATCH", "/api/users/5", `{}`,
			&usersv1.UpdateUserRequest{Id: 5, User: &usersv1.User{}},
			200, adaJSON, `"2s"`, "",
		},
		{
			"PATCH", "/api/threads/6", `{"createdBy":1,"createTime":"2026-01-01T00:00:00.005Z","id":3}`,
			&threadsv1.UpdateThreadRequest{Id: 6, Thread: &threadsv1.Thread{Id: 3, CreatedBy: 1, CreateTime: at}, UpdateMask: mask("create_time", "created_by", "id")},
			200, teaJSON, `"2t"`, "",
		},
		{
			"PATCH", "/api/posts/7", `{"text":"x"}`,
			&postsv1.UpdatePostRequest{Id: 7, Post: &postsv1.Post{Text: "x"}, UpdateMask: mask("text")},
			200, hotJSON, `"2u"`, "",
		},
		{"DELETE", "/api/posts/7", "", &postsv1.DeletePostRequest{Id: 7}, 204, "", "", ""},
		{"DELETE", "/api/posts/7/?etag=x", "not JSON", &postsv1.DeletePostRequest{Id: 7}, 204, "", "", ""},
	} {
		t.Run(c.method+" "+c.target+" "+c.body, func(t *testing.T) {
			t.Parallel()
			board := newFakeBoard()
			w := do(board.face(), c.method, c.target, c.body, "TE", "trailers", "Grpc-Timeout", "1n",
				"Grpc-Metadata-Idempotency-Key", "smuggled", "Authorization", "secret", "X-Forwarded-For", "1.2.3.4")
			length, kind := strconv.Itoa(len(c.answer)), jsonType[0]
			if c.code == http.StatusNoContent {
				length, kind = "", ""
				if w.Body.Len() > 0 {
					t.Errorf("204 has the body %s", w.Body)
				}
			}
			wantAnswer(t, w, c.code, c.answer, "ETag", c.etag, "Location", c.place, "Content-Type", kind, "Content-Length", length,
				"Grpc-Metadata-Secret", "", "Grpc-Trailer-Secret", "", "Trailer", "", "Transfer-Encoding", "")
			got := board.last()
			if !proto.Equal(got.request, c.request) {
				t.Errorf("asked %v\nwant  %v", got.request, c.request)
			}
			if len(got.md) != 0 {
				t.Errorf("sent the metadata %v", got.md)
			}
		})
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value       string
		post, patch int
	}{
		{"application/json", 201, 200},
		{"Application/JSON", 201, 200},
		{"application/json; charset=utf-8", 201, 200},
		{`application/json;charset="UTF-8"`, 201, 200},
		{"", 201, 200},
		{"application/merge-patch+json", 415, 200},
		{"application/json; charset=iso-8859-1", 415, 415},
		{"application/json; version=1", 415, 415},
		{"application/json, application/json", 415, 415},
		{"application/json; charset", 415, 415},
		{"text/json", 415, 415},
		{"text/plain", 415, 415},
		{"application/x-www-form-urlencoded", 415, 415},
		{"multipart/form-data; boundary=x", 415, 415},
		{"application/json-patch+json", 415, 415},
		{"/", 415, 415},
	} {
		face := newFakeBoard().face()
		post := do(face, http.MethodPost, "/api/users", `{}`, "Content-Type", c.value)
		patch := do(face, http.MethodPatch, "/api/users/5", `{}`, "Content-Type", c.value)
		if post.Code != c.post || patch.Code != c.patch {
			t.Errorf("%q: POST %d, PATCH %d; want %d, %d", c.value, post.Code, patch.Code, c.post, c.patch)
		}
		if c.patch == 415 {
			wantReason(t, post, 415, "UNSUPPORTED_MEDIA_TYPE")
			wantReason(t, patch, 415, "UNSUPPORTED_MEDIA_TYPE")
			wantAnswer(t, patch, 415, "", "Accept-Patch", "application/json, application/merge-patch+json")
		}
	}
	face := newFakeBoard().face()
	wantReason(t, do(face, http.MethodPost, "/api/users", `{}`, "Content-Type", "application/json", "Content-Type", "application/json"), 415, "UNSUPPORTED_MEDIA_TYPE")
	wantReason(t, do(face, http.MethodPost, "/api/users", `{}`, "Content-Encoding", "gzip"), 415, "UNSUPPORTED_MEDIA_TYPE")
	wantAnswer(t, do(face, http.MethodPost, "/api/users", `{}`, "Content-Encoding", "identity"), 201, "")
	wantAnswer(t, do(face, http.MethodDelete, "/api/posts/7", "x", "Content-Type", "text/plain"), 204, "")
}

func TestBodiesThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "[]", `{"nope":1}`, `{"name":1}`, `{}x`, strings.Repeat(" ", maxBody)} {
		for _, c := range [][2]string{{http.MethodPost, "/api/users"}, {http.MethodPatch, "/api/users/5"}} {
			board := newFakeBoard()
			wantReason(t, do(board.face(), c[0], c[1], body), http.StatusBadRequest, "INVALID_BODY")
			if len(board.calls) != 0 {
				t.Errorf("%s with %.20q reached the service", c[0], body)
			}
		}
	}
	w := do(newFakeBoard().face(), http.MethodPost, "/api/users", `{"nope":1,"name":1}`)
	wantAnswer(t, w, http.StatusBadRequest, `{"code":3,"message":"the body does not have the right fields","details":[`+
		`{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INVALID_BODY","domain":"splitboard"},`+
		`{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[`+
		`{"field":"nope","description":"is not a field of this resource","reason":"INVALID_BODY"},`+
		`{"field":"name","description":"must be a string","reason":"INVALID_BODY"}]}]}`)
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	requests := [][3]string{{"POST", "/api/posts", `{}`}, {"PATCH", "/api/posts/7", `{}`}, {"DELETE", "/api/posts/7", ""}}
	for _, c := range requests {
		for _, key := range []string{"k", "!~", strings.Repeat("x", 255)} {
			board := newFakeBoard()
			w := do(board.face(), c[0], c[1], c[2], "Idempotency-Key", key)
			if got := board.last().md.Get("idempotency-key"); w.Code >= 300 || !slices.Equal(got, []string{key}) {
				t.Errorf("%s: key %q: status %d, sent %q", c[0], key, w.Code, got)
			}
		}
		for _, key := range []string{"", "a b", "a\tb", "é", "\x7f", strings.Repeat("x", 256)} {
			board := newFakeBoard()
			wantReason(t, do(board.face(), c[0], c[1], c[2], "Idempotency-Key", key), http.StatusBadRequest, "INVALID_IDEMPOTENCY_KEY")
			if len(board.calls) != 0 {
				t.Errorf("%s: key %q reached the service", c[0], key)
			}
		}
		wantReason(t, do(newFakeBoard().face(), c[0], c[1], c[2], "Idempotency-Key", "k", "Idempotency-Key", "k"), http.StatusBadRequest, "INVALID_IDEMPOTENCY_KEY")
	}
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	type guarded interface {
		GetId() int64
		GetEtag() string
	}
	for _, c := range []struct {
		value  string
		code   int
		reason string
		guard  string
	}{
		{`"x"`, 0, "", `"x"`}, // one strong tag is for the service to compare
		{`*`, 0, "", ""},
		{`"x", CURRENT`, 0, "", "CURRENT"},
		{`"x", "y"`, 412, "ETAG_MISMATCH", ""},
		{`W/CURRENT`, 412, "ETAG_MISMATCH", ""},
		{`"x", W/CURRENT`, 412, "ETAG_MISMATCH", ""},
		{"\"\xff\"", 412, "ETAG_MISMATCH", ""}, // gRPC could not send it
		{``, 400, "INVALID_FIELD", ""},
		{`x`, 400, "INVALID_FIELD", ""},
		{`"x" "y"`, 400, "INVALID_FIELD", ""},
		{`"x", *`, 400, "INVALID_FIELD", ""},
	} {
		for _, r := range []struct{ method, target, body, current string }{
			{"PATCH", "/api/users/5", `{}`, ada.GetEtag()},
			{"PATCH", "/api/threads/6", `{}`, tea.GetEtag()},
			{"PATCH", "/api/posts/7", `{}`, hot.GetEtag()},
			{"DELETE", "/api/posts/7", "", hot.GetEtag()},
		} {
			board := newFakeBoard()
			value, guard := strings.ReplaceAll(c.value, "CURRENT", r.current), strings.ReplaceAll(c.guard, "CURRENT", r.current)
			w := do(board.face(), r.method, r.target, r.body, "If-Match", value)
			if c.code != 0 {
				wantReason(t, w, c.code, c.reason)
				continue
			}
			if sent, ok := board.last().request.(guarded); w.Code >= 300 || !ok || sent.GetEtag() != guard {
				t.Errorf("%s %s, If-Match %s: status %d, asked %v", r.method, r.target, value, w.Code, board.last().request)
			}
		}
	}
}
