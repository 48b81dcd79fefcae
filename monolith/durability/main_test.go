package durability

import (
	"context"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"

	"github.com/splitboard/splitboard/edge"
	"github.com/splitboard/splitboard/internal/serve"
	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/services/posts"
	"github.com/splitboard/splitboard/services/threads"
	"github.com/splitboard/splitboard/services/users"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

// earlyAcknowledgement in the environment makes this test binary a monolith that
// acknowledges posts before they are committed.
const earlyAcknowledgement = "SPLITBOARD_DURABILITY_EARLY_ACKNOWLEDGEMENT"

func TestMain(m *testing.M) {
	if os.Getenv(earlyAcknowledgement) != "" {
		serve.Main(serve.Binary{
			Name: "monolith", REST: edge.New,
			Services: []serve.Service{users.Service(), threads.Service(), acknowledgeEarly(posts.Service())},
		})
		return
	}
	code := m.Run()
	if programs.dir != "" {
		_ = os.RemoveAll(programs.dir)
	}
	os.Exit(code)
}

// self gives the path of this test binary.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// acknowledgeEarly puts a queue in front of the posts service.
func acknowledgeEarly(s serve.Service) serve.Service {
	whole := s.New
	s.New = func(st *store.Store, peers map[string]grpc.ClientConnInterface) any {
		early := &earlyPosts{
			PostsServiceServer: whole(st, peers).(postsv1.PostsServiceServer),
			queue:              make(chan func(), 1_000_000),
		}
		go func() {
			for commit := range early.queue {
				commit()
			}
		}()
		return early
	}
	return s
}

// earlyPosts answers a create at once and does it when all creates before it are done.
type earlyPosts struct {
	postsv1.PostsServiceServer
	queue   chan func()
	answers atomic.Int64
}

func (p *earlyPosts) CreatePost(ctx context.Context, req *postsv1.CreatePostRequest) (*postsv1.CreatePostResponse, error) {
	p.queue <- func() { _, _ = p.PostsServiceServer.CreatePost(context.WithoutCancel(ctx), req) }
	id := p.answers.Add(1)
	return &postsv1.CreatePostResponse{Post: &postsv1.Post{
		Thread: req.GetPost().GetThread(), Text: req.GetPost().GetText(), User: req.GetPost().GetUser(),
		Id: id, Etag: `"` + strconv.FormatInt(id, 36) + `"`,
	}}, nil
}
