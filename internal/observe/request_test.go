package observe

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

func TestChooseRequestID(t *testing.T) {
	long := strings.Repeat("x", maxRequestID)
	for _, c := range []struct {
		name string
		sent []string
		kept bool
	}{
		{"none", nil, false},
		{"empty", []string{""}, false},
		{"one", []string{"a-request_id.1/2"}, true},
		{"every visible character", []string{`!"#$%&'()*+,-./:;<=>?@[\]^_{|}~`}, true},
		{"longest", []string{long}, true},
		{"too long", []string{long + "x"}, false},
		{"space", []string{"a b"}, false},
		{"newline", []string{"a\nb"}, false},
		{"delete", []string{"a\x7f"}, false},
		{"not ASCII", []string{"ü"}, false},
		{"two", []string{"a", "b"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := chooseRequestID(c.sent)
			if c.kept && got != c.sent[0] {
				t.Errorf("%q became %q", c.sent[0], got)
			}
			if !c.kept && len(got) != 32 {
				t.Errorf("%q became %q, want a new one", c.sent, got)
			}
			if !validRequestID(got) {
				t.Errorf("%q is not valid itself", got)
			}
		})
	}
	if a, b := newRequestID(), newRequestID(); a == b {
		t.Errorf("two new ids are both %s", a)
	}
}

// onlyLine gives the only line of a JSON access log.
func onlyLine(t *testing.T, out *syncBuffer) map[string]any {
	t.Helper()
	var line map[string]any
	if err := json.Unmarshal([]byte(out.String()), &line); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	return line
}

func TestWithSentRequestID(t *testing.T) {
	if id := RequestID(WithSentRequestID(t.Context(), "sent")); id != "sent" {
		t.Errorf("the id is %q", id)
	}
	if id := RequestID(WithSentRequestID(t.Context(), "two\nlines")); len(id) != 32 {
		t.Errorf("instead of one that is not fit, the id is %q", id)
	}
}

func TestHTTP(t *testing.T) {
	for _, c := range []struct {
		name, method, target string
		handler              http.HandlerFunc
		status, bytes        float64
	}{
		{"implicit status", "GET", "/x?pageToken=secret", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }, 200, 5},
		{"nothing written", "GET", "/x", func(http.ResponseWriter, *http.Request) {}, 200, 0},
		{"status", "POST", "/x", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }, 201, 0},
		{"second status", "GET", "/x", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			w.WriteHeader(http.StatusBadGateway)
		}, 404, 0},
		{"early hints", "GET", "/x", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNoContent)
		}, 204, 0},
		{"head", "HEAD", "/x", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }, 200, 0},
		{"aborted", "GET", "/x", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			panic(http.ErrAbortHandler)
		}, 500, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out syncBuffer
			l := NewAccessLog(&out, JSON, nil)
			var seen string
			h := l.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen = RequestID(r.Context())
				c.handler(w, r)
			}))
			w := httptest.NewRecorder()
			r := httptest.NewRequest(c.method, c.target, nil)
			r.Header.Set("X-Request-ID", "mine")
			func() {
				defer func() { _ = recover() }()
				h.ServeHTTP(w, r)
			}()
			l.Close()
			if seen != "mine" || w.Header().Get("X-Request-ID") != "mine" {
				t.Errorf("request id: handler saw %q, answer has %q", seen, w.Header().Get("X-Request-ID"))
			}
			line := onlyLine(t, &out)
			if line["status"] != c.status || line["bytes"] != c.bytes || line["method"] != c.method ||
				line["path"] != "/x" || line["request_id"] != "mine" || line["remote"] != r.RemoteAddr {
				t.Errorf("line %v", line)
			}
			if strings.Contains(out.String(), "secret") {
				t.Errorf("the query is in the log: %s", out.String())
			}
		})
	}
}

func TestBegun(t *testing.T) {
	l := NewAccessLog(io.Discard, Text, nil)
	defer l.Close()
	var before, after bool
	l.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		before = Begun(w)
		_, _ = io.WriteString(w, "x")
		after = Begun(w)
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if before || !after {
		t.Errorf("begun before writing: %v, after: %v", before, after)
	}
}

type users struct {
	usersv1.UnimplementedUsersServiceServer
	seen string
}

func (u *users) GetUser(ctx context.Context, req *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
	u.seen = RequestID(ctx)
	if req.GetId() == 99 {
		return nil, status.Error(codes.NotFound, "no")
	}
	return &usersv1.GetUserResponse{User: &usersv1.User{Id: req.GetId()}}, nil
}

func TestGRPC(t *testing.T) {
	var out syncBuffer
	l := NewAccessLog(&out, JSON, nil)
	server := grpc.NewServer(grpc.StatsHandler(l.StatsHandler()), grpc.UnaryInterceptor(AnswerRequestID),
		grpc.MaxRecvMsgSize(100),
		grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return status.Error(codes.Unimplemented, "no") }))
	impl := new(users)
	usersv1.RegisterUsersServiceServer(server, impl)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(ln) //nolint:errcheck // ends with the test
	defer server.Stop()
	conn, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := usersv1.NewUsersServiceClient(conn)

	call := func(method string, req, resp any) (header metadata.MD) {
		ctx := NewOutgoing(WithRequestID(t.Context(), "mine"))
		_ = conn.Invoke(ctx, method, req, resp, grpc.Header(&header))
		return header
	}
	const get = usersv1.UsersService_GetUser_FullMethodName
	if id := call(get, &usersv1.GetUserRequest{Id: 7}, new(usersv1.GetUserResponse)).Get(RequestIDKey); len(id) != 1 || id[0] != "mine" || impl.seen != "mine" {
		t.Errorf("the answer's request id is %q, the handler's %q", id, impl.seen)
	}
	if id := call(get, &usersv1.GetUserRequest{Id: 99}, new(usersv1.GetUserResponse)).Get(RequestIDKey); len(id) != 1 || id[0] != "mine" {
		t.Errorf("an error's request id is %q", id)
	}
	call("/splitboard.users.v1.UsersService/No\"such", &usersv1.GetUserRequest{}, new(usersv1.GetUserResponse))
	call(usersv1.UsersService_CreateUser_FullMethodName, &usersv1.CreateUserRequest{User: &usersv1.User{Bio: strings.Repeat("x", 200)}}, new(usersv1.CreateUserResponse))
	if _, err := client.GetUser(t.Context(), &usersv1.GetUserRequest{Id: 7}); err != nil || len(impl.seen) != 32 {
		t.Errorf("without an id: %v, the handler's is %q", err, impl.seen)
	}
	server.GracefulStop()
	l.Close()

	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []map[string]any{
		{"path": get, "code": "OK", "bytes": 9.0, "request_id": "mine"},
		{"path": get, "code": "NotFound", "bytes": 0.0, "request_id": "mine"},
		{"path": "/splitboard.users.v1.UsersService/No%22such", "code": "Unimplemented"},
		{"path": usersv1.UsersService_CreateUser_FullMethodName, "code": "ResourceExhausted"},
		{"path": get, "code": "OK"},
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), out.String())
	}
	// gRPC reports the end of a call after its client has the answer, so two lines may
	// change places.
	for _, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(want, func(w map[string]any) bool {
			for k, v := range w {
				if got[k] != v {
					return false
				}
			}
			return true
		})
		if i < 0 || got["protocol"] != "grpc" || got["method"] != "POST" || got["remote"] == "-" {
			t.Fatalf("unexpected line %s", line)
		}
		want = slices.Delete(want, i, i+1)
	}
}

func TestNewOutgoing(t *testing.T) {
	ctx := metadata.AppendToOutgoingContext(WithRequestID(t.Context(), "inner"), RequestIDKey, "chosen")
	md, _ := metadata.FromOutgoingContext(NewOutgoing(ctx))
	if got := md.Get(RequestIDKey); len(got) != 1 || got[0] != "chosen" {
		t.Errorf("an id that the caller chose became %q", got)
	}
	if _, ok := metadata.FromOutgoingContext(NewOutgoing(t.Context())); ok {
		t.Error("a call outside of a request got an id")
	}
}

func TestNewLogger(t *testing.T) {
	var out syncBuffer
	NewLogger(&out, Text).Info("ready", "path", "a\nb")
	if got := out.String(); !strings.Contains(got, `msg=ready path="a\nb"`) {
		t.Errorf("text: %s", got)
	}
	out = syncBuffer{}
	NewLogger(&out, JSON).Info("ready", "path", "a\nb")
	if line := onlyLine(t, &out); line["msg"] != "ready" || line["path"] != "a\nb" {
		t.Errorf("json: %v", line)
	}
}

func BenchmarkHandler(b *testing.B) {
	l := NewAccessLog(io.Discard, Text, nil)
	defer l.Close()
	inner := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r := httptest.NewRequest(http.MethodGet, "/api/users/7", nil)
	w := httptest.NewRecorder()
	for name, h := range map[string]http.Handler{"bare": inner, "logged": l.Handler(inner)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
