package durability

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

const callTimeout = 10 * time.Second

// A client is one writer's connections. It sends nothing twice by itself.
type client struct {
	board *board
	rest  net.Conn
	r     *bufio.Reader
	grpc  *grpc.ClientConn
}

func (b *board) connect(t *testing.T) *client {
	t.Helper()
	rest, err := net.Dial("tcp", b.process.http)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("passthrough:///"+b.process.grpc,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)))
	if err != nil {
		t.Fatal(err)
	}
	return &client{board: b, rest: rest, r: bufio.NewReader(rest), grpc: conn}
}

func (c *client) close() {
	_ = c.rest.Close()
	_ = c.grpc.Close()
}

// A kind is a way to write: what is created, over which face.
type kind struct {
	name string
	send func(c *client, w *write) (answer []byte, err error)
}

var (
	restPosts   = &kind{"post over REST", (*client).postOverREST}
	grpcPosts   = &kind{"post over gRPC", (*client).postOverGRPC}
	grpcThreads = &kind{"thread over gRPC", (*client).threadOverGRPC}
)

// postOverREST gives the answer's status line, the headers that name the post, and the
// body.
func (c *client) postOverREST(w *write) ([]byte, error) {
	if err := c.rest.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{"thread": c.board.thread, "text": w.content, "user": c.board.user})
	if err != nil {
		return nil, err
	}
	key := ""
	if w.key != "" {
		key = "Idempotency-Key: " + w.key + "\r\n"
	}
	_, err = fmt.Fprintf(c.rest, "POST /api/posts HTTP/1.1\r\nHost: board.test\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", key, len(body), body)
	if err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusCreated {
		return nil, refusal(fmt.Sprintf("%s: %s", res.Status, answer))
	}
	return fmt.Appendf(nil, "%s %s %s", res.Header.Get("Location"), res.Header.Get("ETag"), answer), nil
}

func (c *client) postOverGRPC(w *write) ([]byte, error) {
	return call(w, func(ctx context.Context) (proto.Message, error) {
		return postsv1.NewPostsServiceClient(c.grpc).CreatePost(ctx, &postsv1.CreatePostRequest{
			Post: &postsv1.Post{Thread: c.board.thread, Text: w.content, User: c.board.user},
		})
	})
}

func (c *client) threadOverGRPC(w *write) ([]byte, error) {
	return call(w, func(ctx context.Context) (proto.Message, error) {
		return threadsv1.NewThreadsServiceClient(c.grpc).CreateThread(ctx, &threadsv1.CreateThreadRequest{
			Thread: &threadsv1.Thread{Title: w.content, CreatedBy: c.board.user},
		})
	})
}

// call gives an answer's wire bytes.
func call(w *write, rpc func(context.Context) (proto.Message, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if w.key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "idempotency-key", w.key)
	}
	answer, err := rpc(ctx)
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(answer)
}

// refusal is an answer that is no success.
type refusal string

func (r refusal) Error() string { return string(r) }

// stored gives the text of every post and the title of every thread on the board.
func (b *board) stored(t *testing.T) []string {
	t.Helper()
	c := b.connect(t)
	defer c.close()
	var contents []string
	for token := ""; ; {
		res, err := postsv1.NewPostsServiceClient(c.grpc).ListPosts(t.Context(), &postsv1.ListPostsRequest{PageSize: 1000, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range res.GetPosts() {
			contents = append(contents, p.GetText())
		}
		if token = res.GetNextPageToken(); token == "" {
			break
		}
	}
	for token := ""; ; {
		res, err := threadsv1.NewThreadsServiceClient(c.grpc).ListThreads(t.Context(), &threadsv1.ListThreadsRequest{PageSize: 1000, PageToken: token, CreatedBy: b.user})
		if err != nil {
			t.Fatal(err)
		}
		for _, th := range res.GetThreads() {
			if th.GetId() != b.thread {
				contents = append(contents, th.GetTitle())
			}
		}
		if token = res.GetNextPageToken(); token == "" {
			return contents
		}
	}
}

// furnish makes the user and the thread that all writes name.
func (b *board) furnish(t *testing.T) {
	t.Helper()
	c := b.connect(t)
	defer c.close()
	u, err := usersv1.NewUsersServiceClient(c.grpc).CreateUser(t.Context(), &usersv1.CreateUserRequest{User: &usersv1.User{Username: "writer", Name: "A Writer"}})
	if err != nil {
		t.Fatal(err)
	}
	b.user = u.GetUser().GetId()
	th, err := threadsv1.NewThreadsServiceClient(c.grpc).CreateThread(t.Context(), &threadsv1.CreateThreadRequest{Thread: &threadsv1.Thread{Title: "The thread", CreatedBy: b.user}})
	if err != nil {
		t.Fatal(err)
	}
	b.thread = th.GetThread().GetId()
}
