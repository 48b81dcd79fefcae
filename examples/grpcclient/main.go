// Command grpcclient shows how another service uses the board's generated clients: it
// lists users, opens a thread and writes a post in it so that a lost answer can be
// retried, and reads an error's reason.
//
// Start a board with `go run ./monolith`, then `go run ./examples/grpcclient`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

func main() {
	addr := flag.String("addr", "localhost:50051", "the board's gRPC address: the monolith's, which serves all three services")
	flag.Parse()
	if err := run(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "grpcclient:", err)
		os.Exit(1)
	}
}

func run(addr string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() {
		if cerr := conn.Close(); err == nil {
			err = cerr
		}
	}()
	users, threads, posts := usersv1.NewUsersServiceClient(conn), threadsv1.NewThreadsServiceClient(conn), postsv1.NewPostsServiceClient(conn)

	list, err := users.ListUsers(ctx, &usersv1.ListUsersRequest{PageSize: 3})
	if err != nil {
		return fmt.Errorf("listing users: %w", err)
	}
	for _, u := range list.GetUsers() {
		fmt.Printf("user %d is %s (%s)\n", u.GetId(), u.GetUsername(), u.GetName())
	}
	if len(list.GetUsers()) == 0 {
		return fmt.Errorf("the board at %s has no users", addr)
	}
	me := list.GetUsers()[0].GetId()

	thread, err := threads.CreateThread(ctx, &threadsv1.CreateThreadRequest{
		Thread: &threadsv1.Thread{Title: "Hello from gRPC", CreatedBy: me},
	})
	if err != nil {
		return fmt.Errorf("opening a thread: %w", err)
	}
	fmt.Printf("opened thread %d: %s\n", thread.GetThread().GetId(), thread.GetThread().GetTitle())

	// The key makes the write safe to send again: the second call finds the first's answer.
	keyed := metadata.AppendToOutgoingContext(ctx, "idempotency-key", fmt.Sprintf("hello-%d", time.Now().UnixNano()))
	write := &postsv1.CreatePostRequest{Post: &postsv1.Post{Thread: thread.GetThread().GetId(), User: me, Text: "Written once, sent twice."}}
	for range 2 {
		post, err := posts.CreatePost(keyed, write)
		if err != nil {
			return fmt.Errorf("writing a post: %w", err)
		}
		fmt.Printf("post %d: %s\n", post.GetPost().GetId(), post.GetPost().GetText())
	}

	_, err = threads.GetThread(ctx, &threadsv1.GetThreadRequest{Id: 1 << 40})
	fmt.Printf("a thread that is not there: %s (%s)\n", status.Code(err), reason(err))
	return nil
}

// reason gives what programs act on: the reason in the error's google.rpc.ErrorInfo.
func reason(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
