package durability

import (
	"syscall"
	"testing"

	"github.com/splitboard/splitboard/internal/boardtest"
)

// TestCross takes services away from boards of three.
func TestCross(t *testing.T) {
	t.Run("behind path rules", func(t *testing.T) {
		t.Parallel()
		services := startServices(t)
		board := services.board()
		board.REST = boardtest.PathRules(t, services["users"].http, services["threads"].http, services["posts"].http)
		boardtest.Cross(t, board, services.control(t, false))
	})
	t.Run("behind the edge", func(t *testing.T) {
		t.Parallel()
		services := startServices(t)
		board := services.board()
		front := &process{path: program(t, "edge"), args: []string{"--users-addr", board.Users, "--threads-addr", board.Threads, "--posts-addr", board.Posts}}
		front.start(t)
		board.REST = front.http
		boardtest.Cross(t, board, services.control(t, true))
	})
}

type services map[string]*process

func startServices(t *testing.T) services {
	t.Helper()
	start := func(name string, args ...string) *process {
		p := &process{path: program(t, name), args: append(args, "--data", t.TempDir(), "--seed", "none")}
		p.start(t)
		return p
	}
	users := start("users")
	threads := start("threads", "--users-addr", users.grpc)
	posts := start("posts", "--users-addr", users.grpc, "--threads-addr", threads.grpc)
	return services{"users": users, "threads": threads, "posts": posts}
}

func (s services) board() boardtest.Board {
	return boardtest.Board{Users: s["users"].grpc, Threads: s["threads"].grpc, Posts: s["posts"].grpc}
}

func (s services) control(t *testing.T, fronted bool) boardtest.Control {
	return boardtest.Control{
		Kill:    func(name string) { s[name].kill(t) },
		Start:   func(name string) { s[name].start(t) },
		Halt:    func(name string) { s[name].halt(t) },
		Resume:  func(name string) { s[name].signal(t, syscall.SIGCONT) },
		Fronted: fronted,
	}
}
