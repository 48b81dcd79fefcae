package boardtest

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// sampleJSON has the shape of the tutorial's data file.
//
//go:embed testdata/board.json
var sampleJSON []byte

// sampleFile writes the sample where a board can read it.
func sampleFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "board.json")
	if err := os.WriteFile(path, sampleJSON, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (b *clients) createUser(t *testing.T, u *usersv1.User) *usersv1.User {
	t.Helper()
	res, err := b.users.CreateUser(deadline(t), &usersv1.CreateUserRequest{User: u})
	if err != nil {
		t.Fatalf("CreateUser(%v): %v", u, err)
	}
	return res.GetUser()
}

func (b *clients) createThread(t *testing.T, th *threadsv1.Thread) *threadsv1.Thread {
	t.Helper()
	res, err := b.threads.CreateThread(deadline(t), &threadsv1.CreateThreadRequest{Thread: th})
	if err != nil {
		t.Fatalf("CreateThread(%v): %v", th, err)
	}
	return res.GetThread()
}

func (b *clients) createPost(t *testing.T, p *postsv1.Post) *postsv1.Post {
	t.Helper()
	res, err := b.posts.CreatePost(deadline(t), &postsv1.CreatePostRequest{Post: p})
	if err != nil {
		t.Fatalf("CreatePost(%v): %v", p, err)
	}
	return res.GetPost()
}

var made atomic.Int64

// unique gives a word that no other call gives: 1 to 12 of [a-z0-9].
func unique() string { return fmt.Sprintf("u%06d", made.Add(1)) }

func (b *clients) someUser(t *testing.T) *usersv1.User {
	t.Helper()
	return b.createUser(t, &usersv1.User{Username: unique(), Name: "Some User", Bio: "Says little"})
}

func (b *clients) someThread(t *testing.T) *threadsv1.Thread {
	t.Helper()
	return b.createThread(t, &threadsv1.Thread{Title: "Some thread", CreatedBy: b.someUser(t).GetId()})
}

func (b *clients) somePost(t *testing.T) *postsv1.Post {
	t.Helper()
	th := b.someThread(t)
	return b.createPost(t, &postsv1.Post{Thread: th.GetId(), Text: "Some post", User: th.GetCreatedBy()})
}
