package rolling

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// callTimeout is more than a request may be held.
const callTimeout = 5 * time.Second

// A client is a connection to one process. It sends nothing twice.
type client interface {
	create(ctx context.Context, u *usersv1.User) (*usersv1.User, error)
	get(ctx context.Context, id int64) (*usersv1.User, error)
	update(ctx context.Context, id int64, bio string) (*usersv1.User, error)
	named(ctx context.Context, username string) ([]*usersv1.User, error)
	close()
}

// faces are how a process is talked to.
var faces = map[string]func(*process) (client, error){"gRPC": dialGRPC, "REST": dialREST}

// dial connects with a process until the test's end.
func dial(t *testing.T, face string, p *process) client {
	t.Helper()
	c, err := faces[face](p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

type grpcClient struct {
	conn  *grpc.ClientConn
	users usersv1.UsersServiceClient
}

func dialGRPC(p *process) (client, error) {
	conn, err := grpc.NewClient("passthrough:///"+p.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(), grpc.WithDisableServiceConfig())
	if err != nil {
		return nil, err
	}
	return &grpcClient{conn, usersv1.NewUsersServiceClient(conn)}, nil
}

func (c *grpcClient) create(ctx context.Context, u *usersv1.User) (*usersv1.User, error) {
	resp, err := c.users.CreateUser(ctx, &usersv1.CreateUserRequest{User: u})
	return resp.GetUser(), err
}

func (c *grpcClient) get(ctx context.Context, id int64) (*usersv1.User, error) {
	resp, err := c.users.GetUser(ctx, &usersv1.GetUserRequest{Id: id})
	return resp.GetUser(), err
}

func (c *grpcClient) update(ctx context.Context, id int64, bio string) (*usersv1.User, error) {
	resp, err := c.users.UpdateUser(ctx, &usersv1.UpdateUserRequest{Id: id, User: &usersv1.User{Bio: bio}})
	return resp.GetUser(), err
}

func (c *grpcClient) named(ctx context.Context, username string) ([]*usersv1.User, error) {
	resp, err := c.users.ListUsers(ctx, &usersv1.ListUsersRequest{Username: username})
	return resp.GetUsers(), err
}

func (c *grpcClient) close() { _ = c.conn.Close() }

// all lists every user.
func (c *grpcClient) all(ctx context.Context) ([]*usersv1.User, error) {
	var list []*usersv1.User
	for token := ""; ; {
		resp, err := c.users.ListUsers(ctx, &usersv1.ListUsersRequest{PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		list = append(list, resp.GetUsers()...)
		if token = resp.GetNextPageToken(); token == "" {
			return list, nil
		}
	}
}

// A restClient writes to its connection itself: net/http's client sends some requests
// again.
type restClient struct {
	at   string
	conn net.Conn
	r    *bufio.Reader
	done bool // the server closes the connection
}

func dialREST(p *process) (client, error) {
	c := &restClient{at: p.http}
	if err := c.connect(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *restClient) connect() error {
	conn, err := net.Dial("tcp", c.at)
	if err != nil {
		return err
	}
	c.conn, c.r, c.done = conn, bufio.NewReader(conn), false
	return nil
}

// refusal is an answer that is no success.
type refusal struct {
	status     int
	retryAfter string
	body       string
}

func (r *refusal) Error() string { return fmt.Sprintf("%d: %s", r.status, r.body) }

// send sends a request and gives the answer's body, with the entity tag.
func (c *restClient) send(ctx context.Context, method, path string, body []byte, want int) (answer []byte, etag string, err error) {
	if c.done {
		c.close()
		if err := c.connect(); err != nil {
			return nil, "", err
		}
	}
	deadline, _ := ctx.Deadline()
	if err := c.conn.SetDeadline(deadline); err != nil {
		return nil, "", err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://board.test"+path, bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	if err := req.Write(c.conn); err != nil {
		return nil, "", err
	}
	res, err := http.ReadResponse(c.r, req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	c.done = res.Close
	if err == nil && res.StatusCode != want {
		err = &refusal{res.StatusCode, res.Header.Get("Retry-After"), string(answer)}
	}
	return answer, res.Header.Get("ETag"), err
}

// user sends a request whose answer is a user.
func (c *restClient) user(ctx context.Context, method, path string, body map[string]string, want int) (*usersv1.User, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	answer, etag, err := c.send(ctx, method, path, text, want)
	if err != nil {
		return nil, err
	}
	u := new(usersv1.User)
	err = protojson.Unmarshal(answer, u)
	u.Etag = etag
	return u, err
}

func (c *restClient) create(ctx context.Context, u *usersv1.User) (*usersv1.User, error) {
	return c.user(ctx, http.MethodPost, "/api/users",
		map[string]string{"username": u.GetUsername(), "name": u.GetName(), "bio": u.GetBio()}, http.StatusCreated)
}

func (c *restClient) get(ctx context.Context, id int64) (*usersv1.User, error) {
	return c.user(ctx, http.MethodGet, fmt.Sprint("/api/users/", id), nil, http.StatusOK)
}

func (c *restClient) update(ctx context.Context, id int64, bio string) (*usersv1.User, error) {
	return c.user(ctx, http.MethodPatch, fmt.Sprint("/api/users/", id), map[string]string{"bio": bio}, http.StatusOK)
}

func (c *restClient) named(ctx context.Context, username string) ([]*usersv1.User, error) {
	answer, _, err := c.send(ctx, http.MethodGet, "/api/users?username="+username, nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(answer, &rows); err != nil {
		return nil, err
	}
	var list []*usersv1.User
	for _, row := range rows {
		u := new(usersv1.User)
		if err := protojson.Unmarshal(row, u); err != nil {
			return nil, err
		}
		list = append(list, u)
	}
	return list, nil
}

// healthy tells what a load balancer learns when it asks.
func (c *restClient) healthy(t *testing.T) bool {
	t.Helper()
	_, _, err := c.send(t.Context(), http.MethodGet, "/", nil, http.StatusOK)
	if refused, ok := errors.AsType[*refusal](err); ok && refused.status == http.StatusServiceUnavailable {
		return false
	}
	if err != nil {
		t.Fatalf("asking for the health: %v", err)
	}
	return true
}

func (c *restClient) close() { _ = c.conn.Close() }
