package lease_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

const storeFile = "store.db"

var rows = []byte("rows")

// schemaOf is the schema of a binary that knows a version. The data can be migrated to
// version 2, which those that know version 1 cannot read.
func schemaOf(version uint32) store.Schema {
	s := store.Schema{Service: "users", Version: version, Buckets: []store.Bucket{{Name: rows, Since: 1, Appended: true}}}
	if version > 1 {
		s.Migrations = []store.Migration{{Version: version, Step: func(*store.Tx) (bool, error) { return true, nil }}}
	}
	return s
}

// users is the service. It takes any number of users of one name, so that a write that is
// done twice shows.
type users struct {
	usersv1.UnimplementedUsersServiceServer
	store *store.Store
	calls atomic.Int64
	// before is called before a call looks at the store, inside while a read does, and
	// after when it is done and not answered. A nil one is not called.
	before, inside, after atomic.Pointer[func(context.Context) error]
}

func call(ctx context.Context, hook *atomic.Pointer[func(context.Context) error]) error {
	if f := hook.Load(); f != nil {
		return (*f)(ctx)
	}
	return nil
}

// on sets a hook.
func on(hook *atomic.Pointer[func(context.Context) error], f func(context.Context) error) {
	hook.Store(&f)
}

func (u *users) CreateUser(ctx context.Context, req *usersv1.CreateUserRequest) (*usersv1.CreateUserResponse, error) {
	u.calls.Add(1)
	if err := call(ctx, &u.before); err != nil {
		return nil, err
	}
	resp, err := store.Mutate(ctx, u.store, usersv1.UsersService_CreateUser_FullMethodName, req,
		func(tx *store.Tx) (*usersv1.CreateUserResponse, error) {
			id, err := tx.NextID(rows)
			if err != nil {
				return nil, err
			}
			user := &usersv1.User{Id: id, Username: req.GetUser().GetUsername()}
			value, err := proto.Marshal(user)
			if err != nil {
				return nil, err
			}
			return &usersv1.CreateUserResponse{User: user}, tx.Put(rows, fmt.Appendf(nil, "%016d", id), value)
		})
	if err != nil {
		return nil, err
	}
	return resp, call(ctx, &u.after)
}

func (u *users) GetUser(ctx context.Context, req *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
	u.calls.Add(1)
	if err := call(ctx, &u.before); err != nil {
		return nil, err
	}
	resp := &usersv1.GetUserResponse{User: new(usersv1.User)}
	if err := u.store.View(func(tx *bbolt.Tx) error {
		if err := call(ctx, &u.inside); err != nil {
			return err
		}
		return proto.Unmarshal(tx.Bucket(rows).Get(fmt.Appendf(nil, "%016d", req.GetId())), resp.GetUser())
	}); err != nil {
		return nil, err
	}
	return resp, call(ctx, &u.after)
}

// ListUsers gives all users in one page.
func (u *users) ListUsers(context.Context, *usersv1.ListUsersRequest) (*usersv1.ListUsersResponse, error) {
	u.calls.Add(1)
	resp := new(usersv1.ListUsersResponse)
	return resp, u.store.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(rows).ForEach(func(_, v []byte) error {
			user := new(usersv1.User)
			resp.Users = append(resp.Users, user)
			return proto.Unmarshal(v, user)
		})
	})
}

// create asks a node to create a user.
func (n *node) create(ctx context.Context, name string) (*usersv1.User, error) {
	resp, err := n.client.CreateUser(ctx, &usersv1.CreateUserRequest{User: &usersv1.User{Username: name}})
	return resp.GetUser(), err
}

// get asks a node for a user.
func (n *node) get(ctx context.Context, id int64) (*usersv1.User, error) {
	resp, err := n.client.GetUser(ctx, &usersv1.GetUserRequest{Id: id})
	return resp.GetUser(), err
}

// names asks a node how often each name is there.
func (n *node) names(t *testing.T) map[string]int {
	t.Helper()
	resp, err := n.client.ListUsers(t.Context(), &usersv1.ListUsersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	list := make(map[string]int)
	for _, u := range resp.GetUsers() {
		list[u.GetUsername()]++
	}
	return list
}

// want fails the test unless a call through a node works.
func (n *node) want(t *testing.T, name string) {
	t.Helper()
	u, err := n.create(t.Context(), name)
	if err != nil {
		t.Fatalf("through %s: %v", n.id, err)
	}
	if got, err := n.get(t.Context(), u.GetId()); err != nil || got.GetUsername() != name {
		t.Fatalf("through %s: %v, %v; want %s", n.id, got, err, name)
	}
}

// folder gives a service's data folder. When the test ends, and all nodes are closed, the
// store in it must be whole, and its journal must make sense.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sb") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		problems, err := store.Check(filepath.Join(dir, storeFile), schemaOf(9))
		if err != nil && !errors.Is(err, store.ErrMissing) || len(problems) > 0 {
			t.Errorf("the store: %v, %v", problems, err)
		}
		owners := make(map[uint64]string)
		for _, e := range journal(t, dir) {
			if e.Event != "owns" {
				continue
			}
			if other, ok := owners[e.Epoch]; ok {
				t.Errorf("the journal says that %s and %s owned in epoch %d", other, e.Instance, e.Epoch)
			}
			owners[e.Epoch] = e.Instance
		}
		// One who waits for the lock, and whom nothing can tell that it is over, makes
		// the lock's file again.
		eventually(t, 3*time.Second, "the folder is gone", func() bool { return os.RemoveAll(dir) == nil })
	})
	return dir
}

type journalLine struct {
	Time     time.Time `json:"time"`
	Event    string    `json:"event"`
	Instance string    `json:"instance"`
	Binary   string    `json:"binary"`
	To       string    `json:"to"`
	Why      string    `json:"why"`
	Epoch    uint64    `json:"epoch"`
	Sequence uint64    `json:"sequence"`
}

// journal reads a folder's journal.
func journal(t *testing.T, dir string) (lines []journalLine) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, lease.JournalFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var l journalLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("the journal has %q: %v", line, err)
		}
		lines = append(lines, l)
	}
	return lines
}

// journaled reads it once it has so many lines: a new owner serves first and tells the world
// then.
func journaled(t *testing.T, dir string, count int) (lines []journalLine) {
	t.Helper()
	eventually(t, 3*time.Second, "the journal is written", func() bool { lines = journal(t, dir); return len(lines) >= count })
	return lines
}

// published waits until owner.json says that a node owns the store in an epoch.
func published(t *testing.T, n *node, epoch uint64) {
	t.Helper()
	eventually(t, 3*time.Second, "owner.json is written", func() bool {
		o, err := lease.ReadOwner(n.dir)
		return err == nil && o.Instance == n.id && o.Epoch == epoch && o.Binary == "test" && o.PID == os.Getpid() && time.Since(o.Since) < time.Minute
	})
}

// eventually waits for something, which must come within a time.
func eventually(t *testing.T, within time.Duration, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(within)
	defer late.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// never watches that something does not come for a time.
func never(t *testing.T, during time.Duration, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	over := time.NewTimer(during)
	defer over.Stop()
	for {
		if is() {
			t.Fatal(what)
		}
		select {
		case <-tick.C:
		case <-over.C:
			return
		}
	}
}

// ownerOf waits until one of the nodes owns the store.
func ownerOf(t *testing.T, within time.Duration, nodes ...*node) (owner *node) {
	t.Helper()
	eventually(t, within, "somebody owns the store", func() bool {
		for _, n := range nodes {
			if n.owns() {
				owner = n
				return true
			}
		}
		return false
	})
	return owner
}

// forwards waits until a node forwards to another.
func forwards(t *testing.T, n *node, to string) {
	t.Helper()
	eventually(t, 3*time.Second, n.id+" forwards to "+to, func() bool {
		owns, owner := n.lease.Owner()
		return !owns && owner == to
	})
}

// each runs f for a number of times at once and gives its errors.
func each(count int, f func(i int) error) error {
	errs := make([]error, count)
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// metadataOf gives an entry of the metadata in an error's ErrorInfo.
func metadataOf(err error, key string) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetMetadata()[key]
		}
	}
	return ""
}
