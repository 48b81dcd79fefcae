package load

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"

	"github.com/splitboard/splitboard/deploy/rehearsal/balancer"
)

// A fakeBoard is a board in memory.
type fakeBoard struct {
	mu    sync.Mutex
	items map[string]map[int64]*item // by service
	last  int64                      // id and etag that was given
	asked int                        // requests that came in
	wrote map[string]int             // how often each content came in
	keys  map[string]int             // and each key

	// broken, if it is not nil, is asked before each request is answered, once it is done.
	broken func(n int) fault
	rest   string
	grpc   string
}

// A fault is what goes wrong with an answer.
type fault int

const (
	none    fault = iota
	silent        // the connection is closed without an answer
	last          // it is closed after the answer, which says so
	stale         // the answer tells of another state
	refuse        // the answer is an error
	nowhere       // it is a load balancer's
)

func newFakeBoard(t *testing.T) *fakeBoard {
	t.Helper()
	b := &fakeBoard{
		items: map[string]map[int64]*item{Users: {}, Threads: {}, Posts: {}},
		wrote: make(map[string]int), keys: make(map[string]int),
	}
	b.serve(t)
	return b
}

// serve gives the board more addresses, which are used from now on.
func (b *fakeBoard) serve(t *testing.T) {
	t.Helper()
	rest := httptest.NewServer(http.HandlerFunc(b.serveHTTP))
	t.Cleanup(rest.Close)
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	t.Cleanup(server.Stop)
	usersv1.RegisterUsersServiceServer(server, fakeUsers{board: b})
	threadsv1.RegisterThreadsServiceServer(server, fakeThreads{board: b})
	postsv1.RegisterPostsServiceServer(server, fakePosts{board: b})
	go func() { _ = server.Serve(ln) }()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest, b.grpc = rest.Listener.Addr().String(), ln.Addr().String()
}

func (b *fakeBoard) config() Config {
	c := Default()
	c.REST = func(string) string { b.mu.Lock(); defer b.mu.Unlock(); return b.rest }
	c.GRPC = func(string) string { b.mu.Lock(); defer b.mu.Unlock(); return b.grpc }
	return c
}

// errMissing is for a resource that is not there, and errChanged for a precondition.
var (
	errMissing = status.Error(codes.NotFound, "missing")
	errChanged = status.Error(codes.Aborted, "changed")
)

// do does what any request asks for.
func (b *fakeBoard) do(service string, e effect, id int64, it item, match, key string) (item, fault, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if key != "" {
		b.keys[key]++
	}
	if it.content != "" {
		b.wrote[it.content]++
	}
	fault := none
	if b.broken != nil {
		fault = b.broken(b.asked)
	}
	if e == lists {
		return item{}, fault, nil
	}
	stored := b.items[service][id]
	switch {
	case e == creates:
		b.last++
		it.id = b.last
		stored = &it
		b.items[service][it.id] = stored
	case stored == nil:
		return item{}, fault, errMissing
	case match != "" && match != stored.etag:
		return item{}, fault, errChanged
	case e == deletes:
		delete(b.items[service], id)
	}
	if e == updates {
		stored.content = it.content
	}
	if e == creates || e == updates {
		b.last++
		stored.etag = strconv.Quote(strconv.FormatInt(b.last, 36))
	}
	told := *stored
	if fault == stale && e == gets {
		told.etag += "old"
	}
	return told, fault, nil
}

func (b *fakeBoard) find(username string) []item {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, it := range b.items[Users] {
		if it.username == username {
			return []item{*it}
		}
	}
	return nil
}

func (b *fakeBoard) serveHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/"), "/")
	var in resource
	if r.ContentLength > 0 {
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	var id int64
	e := lists
	switch {
	case r.Method == http.MethodPost:
		e = creates
	case len(parts) == 2:
		id, _ = strconv.ParseInt(parts[1], 10, 64)
		e = map[string]effect{http.MethodGet: gets, http.MethodPatch: updates, http.MethodDelete: deletes}[r.Method]
	}
	it, fault, err := b.do(parts[0], e, id, in.item(), r.Header.Get("If-Match"), r.Header.Get("Idempotency-Key"))
	switch fault {
	case silent:
		panic(http.ErrAbortHandler)
	case refuse, nowhere:
		if fault == nowhere {
			w.Header().Set(balancer.HeaderNoTarget, "1")
		}
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	case last:
		w.Header().Set("Connection", "close")
	case none, stale:
	}
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusNotFound)
	case e == deletes:
		w.WriteHeader(http.StatusNoContent)
	case e == lists:
		var list []resource
		for _, it := range b.find(r.URL.Query().Get("username")) {
			list = append(list, toJSON(parts[0], it))
		}
		writeJSON(w, append([]resource{}, list...))
	default:
		if e == creates {
			w.WriteHeader(http.StatusCreated)
		}
		writeJSON(w, toJSON(parts[0], it))
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(b)
}

func toJSON(service string, it item) resource {
	r := resource{ID: it.id, Username: it.username, Etag: it.etag}
	*map[string]*string{Users: &r.Name, Threads: &r.Title, Posts: &r.Text}[service] = it.content
	return r
}

// rpc does what an RPC asks for.
func (b *fakeBoard) rpc(ctx context.Context, service string, e effect, id int64, it item, match string) (item, error) {
	key := ""
	if keys := metadata.ValueFromIncomingContext(ctx, "idempotency-key"); len(keys) == 1 {
		key = keys[0]
	}
	it, fault, err := b.do(service, e, id, it, match, key)
	if fault == silent || fault == refuse || fault == nowhere {
		return item{}, status.Error(codes.Unavailable, "not now")
	}
	return it, err
}

type fakeUsers struct {
	usersv1.UnimplementedUsersServiceServer

	board *fakeBoard
}

func toUser(it item) *usersv1.User {
	return &usersv1.User{Id: it.id, Username: it.username, Name: it.content, Etag: it.etag}
}

func (f fakeUsers) CreateUser(ctx context.Context, r *usersv1.CreateUserRequest) (*usersv1.CreateUserResponse, error) {
	it, err := f.board.rpc(ctx, Users, creates, 0, item{content: r.GetUser().GetName(), username: r.GetUser().GetUsername()}, "")
	return &usersv1.CreateUserResponse{User: toUser(it)}, err
}

func (f fakeUsers) UpdateUser(ctx context.Context, r *usersv1.UpdateUserRequest) (*usersv1.UpdateUserResponse, error) {
	it, err := f.board.rpc(ctx, Users, updates, r.GetId(), item{content: r.GetUser().GetName()}, r.GetEtag())
	return &usersv1.UpdateUserResponse{User: toUser(it)}, err
}

func (f fakeUsers) GetUser(ctx context.Context, r *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
	it, err := f.board.rpc(ctx, Users, gets, r.GetId(), item{}, "")
	return &usersv1.GetUserResponse{User: toUser(it)}, err
}

func (f fakeUsers) ListUsers(ctx context.Context, r *usersv1.ListUsersRequest) (*usersv1.ListUsersResponse, error) {
	_, err := f.board.rpc(ctx, Users, lists, 0, item{}, "")
	res := new(usersv1.ListUsersResponse)
	for _, it := range f.board.find(r.GetUsername()) {
		res.Users = append(res.Users, toUser(it))
	}
	return res, err
}

type fakeThreads struct {
	threadsv1.UnimplementedThreadsServiceServer

	board *fakeBoard
}

func toThread(it item) *threadsv1.Thread {
	return &threadsv1.Thread{Id: it.id, Title: it.content, Etag: it.etag}
}

func (f fakeThreads) CreateThread(ctx context.Context, r *threadsv1.CreateThreadRequest) (*threadsv1.CreateThreadResponse, error) {
	it, err := f.board.rpc(ctx, Threads, creates, 0, item{content: r.GetThread().GetTitle()}, "")
	return &threadsv1.CreateThreadResponse{Thread: toThread(it)}, err
}

func (f fakeThreads) UpdateThread(ctx context.Context, r *threadsv1.UpdateThreadRequest) (*threadsv1.UpdateThreadResponse, error) {
	it, err := f.board.rpc(ctx, Threads, updates, r.GetId(), item{content: r.GetThread().GetTitle()}, r.GetEtag())
	return &threadsv1.UpdateThreadResponse{Thread: toThread(it)}, err
}

func (f fakeThreads) GetThread(ctx context.Context, r *threadsv1.GetThreadRequest) (*threadsv1.GetThreadResponse, error) {
	it, err := f.board.rpc(ctx, Threads, gets, r.GetId(), item{}, "")
	return &threadsv1.GetThreadResponse{Thread: toThread(it)}, err
}

func (f fakeThreads) ListThreads(ctx context.Context, _ *threadsv1.ListThreadsRequest) (*threadsv1.ListThreadsResponse, error) {
	_, err := f.board.rpc(ctx, Threads, lists, 0, item{}, "")
	return new(threadsv1.ListThreadsResponse), err
}

type fakePosts struct {
	postsv1.UnimplementedPostsServiceServer

	board *fakeBoard
}

func toPost(it item) *postsv1.Post { return &postsv1.Post{Id: it.id, Text: it.content, Etag: it.etag} }

func (f fakePosts) CreatePost(ctx context.Context, r *postsv1.CreatePostRequest) (*postsv1.CreatePostResponse, error) {
	it, err := f.board.rpc(ctx, Posts, creates, 0, item{content: r.GetPost().GetText()}, "")
	return &postsv1.CreatePostResponse{Post: toPost(it)}, err
}

func (f fakePosts) UpdatePost(ctx context.Context, r *postsv1.UpdatePostRequest) (*postsv1.UpdatePostResponse, error) {
	it, err := f.board.rpc(ctx, Posts, updates, r.GetId(), item{content: r.GetPost().GetText()}, r.GetEtag())
	return &postsv1.UpdatePostResponse{Post: toPost(it)}, err
}

func (f fakePosts) DeletePost(ctx context.Context, r *postsv1.DeletePostRequest) (*postsv1.DeletePostResponse, error) {
	_, err := f.board.rpc(ctx, Posts, deletes, r.GetId(), item{}, r.GetEtag())
	return new(postsv1.DeletePostResponse), err
}

func (f fakePosts) GetPost(ctx context.Context, r *postsv1.GetPostRequest) (*postsv1.GetPostResponse, error) {
	it, err := f.board.rpc(ctx, Posts, gets, r.GetId(), item{}, "")
	return &postsv1.GetPostResponse{Post: toPost(it)}, err
}

func (f fakePosts) ListPostsInThread(ctx context.Context, _ *postsv1.ListPostsInThreadRequest) (*postsv1.ListPostsInThreadResponse, error) {
	_, err := f.board.rpc(ctx, Posts, lists, 0, item{}, "")
	return new(postsv1.ListPostsInThreadResponse), err
}

func (f fakePosts) ListPostsByUser(ctx context.Context, _ *postsv1.ListPostsByUserRequest) (*postsv1.ListPostsByUserResponse, error) {
	_, err := f.board.rpc(ctx, Posts, lists, 0, item{}, "")
	return new(postsv1.ListPostsByUserResponse), err
}
