package drills

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/linear"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// TestHistories has many clients read and rename the same few users through several
// processes, while the store is handed to and fro and its owners are killed. What they
// saw must be what one process would have shown, which does one thing after the other.
func TestHistories(t *testing.T) {
	t.Parallel()
	b := newBoard(t, plain)
	monolith := b.start(t, "the monolith", cast.Monolith)
	users := b.start(t, "users", cast.Users)
	forwarders := []*cast.Process{
		b.start(t, "the first forwarder", cast.Monolith, "--no-own"),
		b.start(t, "the second forwarder", cast.Users, "--no-own"),
	}
	h := newHistory(t, forwarders)
	for range 2 {
		h.more(t)
		b.handoff(t, load.Users, "service")
		h.more(t)
		b.handoff(t, load.Users, monolith.Instance())
		for _, p := range []*cast.Process{monolith, users} {
			h.more(t)
			if b.mustOwn(t, load.Users) != p {
				t.Fatalf("%s does not own the users", p.Name)
			}
			kill(t, p)
			waitFor(t, "another process owns the users", func() bool { return b.owner(t, load.Users) != nil })
			restart(t, p)
		}
	}
	h.more(t)
	ops := h.stop()
	if err := b.stop(t); err != nil {
		t.Error(err)
	}
	for _, op := range ops {
		if op.Outcome == linear.Unknown {
			t.Errorf("a request failed: %s", &op)
		}
	}
	began := time.Now()
	if err := linear.Check(ops, patience); err != nil {
		t.Error(err)
	}
	t.Logf("%d requests for %d users, checked in %s", len(ops), hotUsers, brief(time.Since(began)))
	// A control: one read that was told of a name that has been replaced for long.
	first := slices.IndexFunc(ops, func(op linear.Op) bool { return op.Kind == linear.Update && op.Outcome == linear.Done })
	last := len(ops) - 1
	for ops[last].Kind != linear.Read || ops[last].Key != ops[first].Key {
		last--
	}
	ops[last].Value, ops[last].Etag = ops[first].Value, ops[first].Etag
	if violation := (*linear.ViolationError)(nil); !errors.As(linear.Check(ops, patience), &violation) {
		t.Error("nobody noticed a read that was wrong")
	}
}

const (
	hotUsers     = 3
	hotClients   = 4 // of each process
	betweenTurns = 300
)

// A history is what clients have asked and were told, as they go on.
type history struct {
	users []int64
	began time.Time
	stop  func() []linear.Op

	mu  sync.Mutex
	ops []linear.Op
}

// newHistory makes the users and has clients ask for them through the processes.
func newHistory(t *testing.T, through []*cast.Process) *history {
	t.Helper()
	h := &history{began: time.Now()}
	var clients []*hotClient
	for _, p := range through {
		for range hotClients {
			conn, err := grpc.NewClient("passthrough:///"+p.GRPC(),
				grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			clients = append(clients, &hotClient{n: len(clients), history: h, users: usersv1.NewUsersServiceClient(conn), etags: map[int64]string{}})
		}
	}
	for range hotUsers {
		clients[0].create(t)
	}
	ctx, end := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for _, c := range clients {
		asking.Go(func() {
			for ctx.Err() == nil {
				c.ask(context.WithoutCancel(ctx)) // which is answered first
			}
		})
	}
	h.stop = sync.OnceValue(func() []linear.Op {
		end()
		asking.Wait()
		return h.ops
	})
	t.Cleanup(func() { h.stop() })
	return h
}

func (h *history) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ops)
}

// more waits for more operations.
func (h *history) more(t *testing.T) {
	t.Helper()
	enough := h.count() + betweenTurns
	waitFor(t, "clients are answered", func() bool { return h.count() >= enough })
}

// note adds an operation that was sent at start and has ended.
func (h *history) note(op linear.Op, start time.Time, err error, u *usersv1.User) {
	op.Start, op.End = start.Sub(h.began), time.Since(h.began)
	switch {
	case err == nil:
		op.Outcome, op.Value, op.Etag = linear.Done, u.GetName(), u.GetEtag()
	case op.Match != "" && status.Code(err) == codes.Aborted:
		op.Outcome = linear.Mismatch
	default:
		op.Outcome, op.Value = linear.Unknown, op.Value+" "+err.Error()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
}

// A hotClient asks for the same users as all others.
type hotClient struct {
	n     int
	wrote int
	users usersv1.UsersServiceClient
	etags map[int64]string // that it was told last

	*history
}

func (c *hotClient) create(t *testing.T) {
	t.Helper()
	start := time.Now()
	name := fmt.Sprintf("user-%d", len(c.history.users))
	res, err := c.users.CreateUser(t.Context(), &usersv1.CreateUserRequest{User: &usersv1.User{Username: name, Name: name}})
	if err != nil {
		t.Fatal(err)
	}
	id := res.GetUser().GetId()
	c.history.users = append(c.history.users, id)
	c.note(linear.Op{Key: strconv.FormatInt(id, 10), Kind: linear.Create}, start, nil, res.GetUser())
}

// ask reads or renames a user.
func (c *hotClient) ask(ctx context.Context) {
	id := c.history.users[rand.IntN(hotUsers)]
	op := linear.Op{Client: c.n, Key: strconv.FormatInt(id, 10), Kind: linear.Read}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	start := time.Now()
	var u *usersv1.User
	var err error
	if rand.IntN(2) == 0 {
		var res *usersv1.GetUserResponse
		res, err = c.users.GetUser(ctx, &usersv1.GetUserRequest{Id: id})
		u = res.GetUser()
	} else {
		c.wrote++
		op.Kind, op.Value = linear.Update, fmt.Sprintf("client-%d-write-%d", c.n, c.wrote)
		if rand.IntN(2) == 0 {
			op.Match = c.etags[id] // which others may have outdated
		}
		var res *usersv1.UpdateUserResponse
		res, err = c.users.UpdateUser(ctx, &usersv1.UpdateUserRequest{
			Id: id, User: &usersv1.User{Name: op.Value}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}}, Etag: op.Match,
		})
		u = res.GetUser()
	}
	if err == nil {
		c.etags[id] = u.GetEtag()
	}
	c.note(op, start, err, u)
}
