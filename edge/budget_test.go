package edge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/inproc"
)

// takeAll leaves nothing of the budget until the test ends. Tests that use it must not
// be parallel.
func takeAll(t *testing.T) {
	t.Helper()
	if !memory.Take(maxHeld) {
		t.Fatalf("%d bytes are missing from the budget before the test", maxHeld-memory.Left())
	}
	t.Cleanup(func() {
		memory.Give(maxHeld)
		if left := memory.Left(); left != maxHeld {
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

	memory.Give(maxHeld)
	wantAnswer(t, do(face, "POST", "/api/users", body(maxBody)), 201, adaJSON)
	wantAnswer(t, do(face, "GET", "/api/posts", ""), 200, "")
	if !memory.Take(maxHeld) {
		t.Errorf("%d bytes were not given back", maxHeld-memory.Left())
	}
}

// A body takes memory for what has come of it, not for what its length promises.
func TestBodyThatIsOnlyPromised(t *testing.T) {
	takeAll(t)
	memory.Give(maxHeld)
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
	if held := maxHeld - memory.Left(); held < sent || held > 2*sent {
		t.Errorf("%d bytes are held for %d of a body", held, sent)
	}
	_ = writer.Close()
	<-answered
	wantAnswer(t, w, 201, adaJSON)
	if !memory.Take(maxHeld) {
		t.Errorf("%d bytes were not given back", maxHeld-memory.Left())
	}
}

// Of many lists at once only some are at work, and those that are being written to slow
// clients do not count.
func TestListsTakeTurns(t *testing.T) {
	t.Parallel()
	var inside, over atomic.Int64
	release := make(chan struct{})
	conn := inproc.New(func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
		if inside.Add(1) > maxLists {
			over.Add(1)
		}
		defer inside.Add(-1)
		<-release
		return &postsv1.ListPostsResponse{Posts: []*postsv1.Post{hot}, Etag: `W/"1"`}, nil
	})
	postsv1.RegisterPostsServiceServer(conn, postsv1.UnimplementedPostsServiceServer{})
	face := New(map[string]grpc.ClientConnInterface{posts: conn}, serving)

	var asking sync.WaitGroup
	slow := make(chan struct{})
	for range 3 * maxLists {
		asking.Go(func() {
			r := httptest.NewRequest(http.MethodGet, "/api/posts", http.NoBody)
			face.ServeHTTP(&slowWriter{httptest.NewRecorder(), slow}, r)
		})
	}
	for inside.Load() < maxLists {
		runtime.Gosched()
	}
	close(release)
	// All of them get their turn though nobody reads what the first were answered.
	w := do(face, "GET", "/api/posts", "")
	wantAnswer(t, w, 200, "["+hotJSON+"]")
	close(slow)
	asking.Wait()
	if n := over.Load(); n > 0 {
		t.Errorf("%d times more than %d lists were at work", n, maxLists)
	}
}

// slowWriter writes when it may.
type slowWriter struct {
	*httptest.ResponseRecorder
	may chan struct{}
}

func (w *slowWriter) Write(b []byte) (int, error) {
	<-w.may
	return w.ResponseRecorder.Write(b)
}

// A list that cannot have its turn is refused, and one whose client has gone ends.
func TestListsThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		for range maxLists {
			if err := g.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if err := g.enter(t.Context()); !errors.Is(err, apierr.ErrOverloaded) || time.Since(start) != maxTurn {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.enter(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		g.leave()
		if err := g.enter(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Every way out of a list ends its turn.
func TestListsLeave(t *testing.T) {
	t.Parallel()
	board := newFakeBoard()
	face := board.face()
	for range 2 * maxLists {
		wantAnswer(t, do(face, "GET", "/api/posts", "", "If-None-Match", `W/"30"`), 304, "")
		wantReason(t, do(face, "GET", "/api/posts", "", "If-None-Match", "x"), 400, "INVALID_FIELD")
		board.err = apierr.ErrInternal
		wantReason(t, do(face, "GET", "/api/posts", ""), 500, "INTERNAL")
		board.err = nil
		wantAnswer(t, do(face, "GET", "/api/posts", ""), 200, "")
	}
}
