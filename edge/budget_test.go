package edge

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

// takeAll leaves nothing of the budget until the test ends. Tests that use it must not
// be parallel.
func takeAll(t *testing.T) {
	t.Helper()
	if !memory.take(maxHeld) {
		t.Fatalf("%d bytes are missing from the budget before the test", maxHeld-memory.left.Load())
	}
	t.Cleanup(func() {
		memory.give(maxHeld)
		if left := memory.left.Load(); left != maxHeld {
			t.Errorf("the budget has %d bytes after the test, want %d", left, maxHeld)
		}
	})
}

func TestLargeBodiesAndAnswersAreBounded(t *testing.T) {
	takeAll(t)
	board := newFakeBoard()
	face := board.face()
	body := func(size int) string { return "{}" + strings.Repeat(" ", size-2) }

	// What is small goes on.
	wantAnswer(t, do(face, "GET", "/api/users/5", ""), 200, adaJSON)
	wantAnswer(t, do(face, "POST", "/api/users", body(exempt-1)), 201, adaJSON)

	wantReason(t, do(face, "POST", "/api/users", body(exempt+1)), 429, "OVERLOADED")
	board.replies[postsv1.PostsService_ListPosts_FullMethodName] = &postsv1.ListPostsResponse{
		Posts: []*postsv1.Post{{Text: strings.Repeat("x", exempt)}}, Etag: `W/"1"`,
	}
	wantReason(t, do(face, "GET", "/api/posts", ""), 429, "OVERLOADED")
	w := do(face, "GET", "/api/posts", "")
	if etag := w.Header().Get("ETag"); etag != "" {
		t.Errorf("the error has the etag %s", etag)
	}

	// The rest of a refused body cannot be read.
	got := exchange(t, face, "POST /api/users HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"+body(100000))
	if got.code != http.StatusTooManyRequests || !got.closed {
		t.Errorf("got %+v", got)
	}

	memory.give(maxHeld)
	wantAnswer(t, do(face, "POST", "/api/users", body(maxBody)), 201, adaJSON)
	wantAnswer(t, do(face, "GET", "/api/posts", ""), 200, "")
	if !memory.take(maxHeld) {
		t.Errorf("%d bytes were not given back", maxHeld-memory.left.Load())
	}
}

// A body takes memory for what has come of it, not for what its length promises.
func TestBodyThatIsOnlyPromised(t *testing.T) {
	takeAll(t)
	memory.give(maxHeld)
	body, writer := io.Pipe()
	r := httptest.NewRequest(http.MethodPost, "/api/users", body)
	r.ContentLength = maxBody
	w := httptest.NewRecorder()
	answered := make(chan struct{})
	go func() {
		newFakeBoard().face().ServeHTTP(w, r)
		close(answered)
	}()
	const sent = 3 * exempt
	if _, err := io.WriteString(writer, "{}"+strings.Repeat(" ", sent-2)); err != nil {
		t.Fatal(err)
	}
	if held := maxHeld - memory.left.Load(); held < sent || held > 2*sent {
		t.Errorf("%d bytes are held for %d of a body", held, sent)
	}
	_ = writer.Close()
	<-answered
	wantAnswer(t, w, 201, adaJSON)
	if !memory.take(maxHeld) {
		t.Errorf("%d bytes were not given back", maxHeld-memory.left.Load())
	}
}
