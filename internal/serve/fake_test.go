package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/store"

	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// fakeUsers is a small service: CreateUser stores the bio, GetUser reads it, and a few
// ids do what tests need.
type fakeUsers struct {
	usersv1.UnimplementedUsersServiceServer
	store *store.Store
	// running, if any, is told of a GetUser of slowID, which then waits for its
	// context or for release, and of one of deafID, which waits for release alone. One of
	// inStoreID does so inside a transaction.
	running chan struct{}
	release chan struct{}
}

const (
	panicID    = 1_000_666
	internalID = 1_000_500
	slowID     = 1_000_777
	deafID     = 1_000_778
	inStoreID  = 1_000_779
)

var fakeBucket = []byte("rows")

var errSecret = errors.New("the disk /dev/secret is broken")

func (f *fakeUsers) CreateUser(ctx context.Context, req *usersv1.CreateUserRequest) (*usersv1.CreateUserResponse, error) {
	return store.Mutate(ctx, f.store, usersv1.UsersService_CreateUser_FullMethodName, req, func(tx *store.Tx) (*usersv1.CreateUserResponse, error) {
		id, err := tx.NextID(fakeBucket)
		if err != nil {
			return nil, err
		}
		u := proto.CloneOf(req.GetUser())
		u.Id = id
		return &usersv1.CreateUserResponse{User: u}, tx.Put(fakeBucket, strconv.AppendInt(nil, id, 10), []byte(u.GetBio()))
	})
}

func (f *fakeUsers) GetUser(ctx context.Context, req *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
	switch req.GetId() {
	case panicID:
		panic("a secret in a panic")
	case internalID:
		return nil, errSecret
	case slowID:
		f.running <- struct{}{}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.release:
		}
	case deafID:
		f.running <- struct{}{}
		<-f.release
	}
	u := &usersv1.User{Id: req.GetId(), Name: observe.RequestID(ctx)}
	return &usersv1.GetUserResponse{User: u}, f.store.View(func(tx *bbolt.Tx) error {
		if req.GetId() == inStoreID {
			f.running <- struct{}{}
			<-f.release
		}
		u.Bio = string(tx.Bucket(fakeBucket).Get(strconv.AppendInt(nil, req.GetId(), 10)))
		return nil
	})
}

// fakeService gives the service as a process embeds it; *impl is set when it starts.
func fakeService(name string, impl **fakeUsers) Service {
	return Service{
		Name: name,
		Schema: store.Schema{
			Service: name, Version: 1, Buckets: []store.Bucket{{Name: fakeBucket, Since: 1}},
			Check: func(tx *bbolt.Tx, report func(string, ...any)) error {
				if tx.Bucket(fakeBucket).Get([]byte("bad")) != nil {
					report("a bad row")
				}
				return nil
			},
		},
		Desc: &usersv1.UsersService_ServiceDesc,
		New: func(s *store.Store, _ map[string]grpc.ClientConnInterface) any {
			f := &fakeUsers{store: s, running: make(chan struct{}, 100), release: make(chan struct{})}
			if impl != nil {
				*impl = f
			}
			return f
		},
	}
}

// fakeFace is a REST face: GET /api/users/{id}, POST /api/users, the health text, and
// handlers that panic.
func fakeFace(conns map[string]grpc.ClientConnInterface, draining func() bool) http.Handler {
	fail := func(w http.ResponseWriter, err error) {
		code := http.StatusInternalServerError
		if apierr.Status(err).Message() == apierr.ErrDeadline.Error() {
			code = http.StatusGatewayTimeout
		}
		http.Error(w, apierr.Status(err).Message(), code)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		if draining() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, "health")
	})
	mux.HandleFunc("GET /api/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
		resp, err := usersv1.NewUsersServiceClient(conns["users"]).GetUser(r.Context(), &usersv1.GetUserRequest{Id: id})
		if err != nil {
			fail(w, err)
			return
		}
		fmt.Fprintf(w, "%s %s", resp.GetUser().GetName(), resp.GetUser().GetBio())
	})
	mux.HandleFunc("POST /api/users", func(w http.ResponseWriter, r *http.Request) {
		bio, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		resp, err := usersv1.NewUsersServiceClient(conns["users"]).CreateUser(r.Context(), &usersv1.CreateUserRequest{User: &usersv1.User{Bio: string(bio)}})
		if err != nil {
			fail(w, err)
			return
		}
		fmt.Fprint(w, resp.GetUser().GetId())
	})
	mux.HandleFunc("POST /slow", func(w http.ResponseWriter, r *http.Request) {
		// While the body is unread, net/http does not watch the connection.
		if _, err := usersv1.NewUsersServiceClient(conns["users"]).GetUser(r.Context(), &usersv1.GetUserRequest{Id: slowID}); err != nil {
			fail(w, err)
		}
	})
	mux.HandleFunc("GET /panic", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3")
		w.Header().Set("ETag", `"1"`)
		panic("a secret in a panic")
	})
	mux.HandleFunc("GET /panic-late", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "begun")
		_ = http.NewResponseController(w).Flush()
		panic("a secret in a panic")
	})
	return mux
}

// threadsDesc is a second service, without methods: two of one name cannot be registered.
var threadsDesc = &grpc.ServiceDesc{ServiceName: threadsv1.ThreadsService_ServiceDesc.ServiceName, HandlerType: (*any)(nil)}

func fakeBinary(impl **fakeUsers) Binary {
	return Binary{Name: "fake", About: "A fake.", Services: []Service{fakeService("users", impl)}, REST: fakeFace}
}

// syncBuffer is a writer that tests can look into.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// running is a process under test.
type running struct {
	*Process
	users  *fakeUsers
	log    *syncBuffer
	access *syncBuffer
}

// start starts the fake, and stops it when the test ends.
func start(t *testing.T, change func(*Config)) *running {
	t.Helper()
	return startAs(t, "fake", t.TempDir(), change)
}

// startAs starts the fake under the name of a program, on a data folder.
func startAs(t *testing.T, name, data string, change func(*Config)) *running {
	t.Helper()
	r := &running{log: new(syncBuffer), access: new(syncBuffer)}
	c := Config{
		HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", Data: data,
		Log: observe.NewLogger(r.log, observe.Text), Access: r.access,
	}
	if change != nil {
		change(&c)
	}
	var err error
	b := fakeBinary(&r.users)
	b.Name = name
	if r.Process, err = Start(t.Context(), b, c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// t's context has ended.
		if err := r.stopAfter(context.WithoutCancel(t.Context()), 0); err != nil {
			t.Error(err)
		}
	})
	return r
}

// A reply is what an HTTP answer says before its body.
type reply struct {
	StatusCode int
	Header     http.Header
	Close      bool
}

// try sends a request over a connection of its own. It returns what came of the body, and
// the error that ended it.
func try(ctx context.Context, method, url string, body io.Reader) (reply, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return reply{}, "", err
	}
	req.Header.Set("X-Request-ID", testRequestID)
	client := &http.Client{Transport: new(http.Transport), Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, resp.Close}, string(b), err
}

const testRequestID = "id-of-the-test"

// ask sends a request that must be answered whole.
func ask(t *testing.T, method, url string, body io.Reader) (reply, string) {
	t.Helper()
	resp, b, err := try(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, b
}
