package serve

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/idempotency"
	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/store"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// shared is a data folder for several processes. Its path is short, as the paths of
// sockets must be.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sb") //nolint:usetesting // t.TempDir has the test's name in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// neverOwn makes a process that only forwards.
func neverOwn(c *Config) { c.NeverOwn = true }

// owns tells whether the process owns its store.
func (r *running) owns() bool {
	owns, _ := r.leases["users"].Owner()
	return owns
}

// endsWith gives a context that ends when a channel is closed.
func endsWith(t *testing.T, end <-chan struct{}) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-end; cancel() }()
	return ctx
}

// create makes a user and gives its id, and get reads one's bio.
func create(ctx context.Context, conn grpc.ClientConnInterface, bio string) (int64, error) {
	resp, err := usersv1.NewUsersServiceClient(conn).CreateUser(ctx, &usersv1.CreateUserRequest{User: &usersv1.User{Bio: bio}})
	return resp.GetUser().GetId(), err
}

func get(ctx context.Context, conn grpc.ClientConnInterface, id int64) (*usersv1.User, error) {
	resp, err := usersv1.NewUsersServiceClient(conn).GetUser(ctx, &usersv1.GetUserRequest{Id: id})
	return resp.GetUser(), err
}

// A process beside a store's owner answers as the owner does.
func TestSecondProcessForwards(t *testing.T) {
	data := shared(t)
	owner := startAs(t, "users", data, nil)
	second := startAs(t, "users", data, nil)
	if !owner.owns() || second.owns() {
		t.Fatalf("the first owns: %v, the second owns: %v", owner.owns(), second.owns())
	}
	if err := second.stores["users"].View(nil); !errors.Is(err, store.ErrClosed) {
		t.Errorf("the second has the store open: %v", err)
	}
	for name, conn := range faces(t, second) {
		id, err := create(t.Context(), conn, "by "+name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ctx := observe.NewOutgoing(observe.WithRequestID(t.Context(), "id-"+name[:2]))
		for where, conn := range map[string]grpc.ClientConnInterface{"the owner": owner.Conn(), "the second": conn} {
			u, err := get(ctx, conn, id)
			if err != nil || u.GetBio() != "by "+name || u.GetName() != "id-"+name[:2] {
				t.Errorf("%s: %s has %v, %v", name, where, u, err)
			}
		}
		// The handler's own errors are not tried again, and their cause is logged where
		// it is known.
		if _, err := get(ctx, conn, internalID); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: an internal error: %v", name, err)
		}
		if _, err := get(ctx, conn, panicID); status.Code(err) != codes.Internal {
			t.Errorf("%s: a panic: %v", name, err)
		}
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		if _, err := get(short, conn, slowID); status.Code(err) != codes.DeadlineExceeded && status.Code(err) != codes.Unavailable {
			t.Errorf("%s: a deadline: %v", name, err)
		}
		cancel()
		<-owner.users.running
	}
	resp, body := ask(t, "POST", "http://"+second.HTTPAddr()+"/api/users", strings.NewReader("rest"))
	if resp.StatusCode != http.StatusOK || body != "3" {
		t.Errorf("by REST: %d %s", resp.StatusCode, body)
	}
	if _, body := ask(t, "GET", "http://"+owner.HTTPAddr()+"/api/users/3", nil); body != testRequestID+" rest" {
		t.Errorf("the owner has %q", body)
	}
	if n := strings.Count(owner.log.String(), errSecret.Error()); n != 2 {
		t.Errorf("the owner logs the cause %d times, want 2:\n%s", n, owner.log)
	}
	if got := second.log.String(); strings.Contains(got, "level=ERROR") {
		t.Errorf("the second logs\n%s", got)
	}
	if n := len(second.users.running); n != 0 {
		t.Errorf("%d calls ran at the second", n)
	}
	// Every call is in the access log of the process that was asked, and in no other.
	for _, r := range []*running{second, owner} {
		if err := r.stopAfter(t.Context(), 0); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(second.access.String(), "\n"); n != 1+5 {
		t.Errorf("the second has %d lines in its access log:\n%s", n, second.access)
	}
	if n := strings.Count(owner.access.String(), "\n"); n != 1 {
		t.Errorf("the owner has %d lines in its access log:\n%s", n, owner.access)
	}
}

// A client's key is one wherever it is sent; the key that a forwarder gives to a write is
// nothing that a client can send.
func TestKeysOfForwardedWrites(t *testing.T) {
	data := shared(t)
	owner := startAs(t, "users", data, nil)
	second := startAs(t, "users", data, nil)
	conns := []grpc.ClientConnInterface{faces(t, owner)["network"], faces(t, second)["network"], owner.Conn(), second.Conn()}
	made := func(md metadata.MD) (ids []int64) {
		for _, conn := range conns {
			id, err := create(metadata.NewOutgoingContext(t.Context(), md), conn, "x")
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		slices.Sort(ids)
		return slices.Compact(ids)
	}
	if ids := made(metadata.Pairs(idempotency.Metadata, "one")); len(ids) != 1 {
		t.Errorf("under one key there are the users %v", ids)
	}
	if ids := made(metadata.Pairs("splitboard-retry-key-bin", "0123456789abcdef")); len(ids) != len(conns) {
		t.Errorf("under a forwarder's key from a client there are the users %v", ids)
	}
	if n := owner.stores["users"].AnswersFromKeys(); n != 3 {
		t.Errorf("%d answers came from keys, want 3", n)
	}
}

// A process that was told never to own a store does not, however long nobody else does.
func TestNoOwn(t *testing.T) {
	data := shared(t)
	owner := startAs(t, "users", data, nil)
	never := startAs(t, "users", data, neverOwn)
	candidate := startAs(t, "monolith", data, nil)
	id, err := create(t.Context(), never.Conn(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.stopAfter(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if !candidate.owns() || never.owns() {
		t.Errorf("after the owner's end the candidate owns: %v, the other: %v", candidate.owns(), never.owns())
	}
	if u, err := get(t.Context(), never.Conn(), id); err != nil || u.GetBio() != "x" {
		t.Errorf("through the one that never owns: %v, %v", u, err)
	}
	if err := candidate.stopAfter(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for name, conn := range faces(t, never) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := get(ctx, conn, id)
		cancel()
		if st := status.Convert(err); st.Code() != codes.Unavailable || apierr.ReasonOf(st) != "NOT_OWNER" {
			t.Errorf("%s, when nobody owns the store: %v", name, err)
		}
	}
	if never.owns() {
		t.Error("it owns the store")
	}
	if code, out, _ := runFake(fakeBinary(nil), "status", "--data", data); code != exitFailure || !strings.Contains(out, "users  not served") ||
		!strings.Contains(out, "forwarder: it was started with --no-own") {
		t.Errorf("status: exit %d\n%s", code, out)
	}
	// A candidate that comes is found.
	next := startAs(t, "users", data, nil)
	if u, err := get(t.Context(), never.Conn(), id); err != nil || u.GetBio() != "x" || !next.owns() {
		t.Errorf("with a new owner: %v, %v", u, err)
	}
}

// A command that works on a store holds its lock as an owner does. A process that comes
// meanwhile holds requests, and takes the store when it is free.
func TestServeBesideACommand(t *testing.T) {
	data := shared(t)
	if err := startAs(t, "users", data, nil).stopAfter(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	l, err := lease.Acquire(filepath.Join(data, "users"), lease.Owner{Instance: lease.NewInstance(), PID: 42, Binary: "import"}, false)
	if err != nil {
		t.Fatal(err)
	}
	r := startAs(t, "users", data, nil)
	if r.owns() {
		t.Fatal("two have the lock")
	}
	began := time.Now()
	if resp, body := ask(t, "GET", "http://"+r.HTTPAddr()+"/api/users/1", nil); resp.StatusCode == http.StatusOK || !strings.Contains(body, "no process owns the store") ||
		time.Since(began) < time.Second || time.Since(began) > 5*time.Second {
		t.Errorf("after %v: %d %s", time.Since(began), resp.StatusCode, body)
	}
	held := make(chan error, 1)
	go func() {
		_, err := create(t.Context(), r.Conn(), "held")
		held <- err
	}()
	waitFor(t, "the request to be held", func() bool { return r.leases["users"].Status().Held == 2 })
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil || !r.owns() {
		t.Errorf("when the lock is free it owns: %v, and the request that was held got %v", r.owns(), err)
	}
}

// Of processes that start at once on a new folder, one makes the board and all serve it.
func TestStartAtOnce(t *testing.T) {
	for range 5 {
		data := shared(t)
		processes := make([]*Process, 4)
		var starting sync.WaitGroup
		for i := range processes {
			starting.Go(func() {
				var err error
				processes[i], err = Start(t.Context(), boardBinary(), Config{HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", Data: data, Seed: seedSample})
				if err != nil {
					t.Error(err)
				}
			})
		}
		starting.Wait()
		owners := 0
		for _, p := range processes {
			if p == nil {
				continue
			}
			if owns, _ := p.leases["users"].Owner(); owns {
				owners++
			}
			if u, err := get(t.Context(), p.Conn(), 1); err != nil || u.GetBio() == "" {
				t.Errorf("the sample's first user is %v, %v", u, err)
			}
		}
		if owners != 1 {
			t.Errorf("%d own the store", owners)
		}
		// All end at once: there is nobody to hand the store to.
		var stopping sync.WaitGroup
		for _, p := range processes {
			stopping.Go(func() {
				if err := p.stopAfter(t.Context(), 0); err != nil {
					t.Error(err)
				}
			})
		}
		stopping.Wait()
		if code, out, errs := runFake(boardBinary(), "check", "--data", data); code != 0 {
			t.Errorf("check: exit %d\n%s%s", code, out, errs)
		}
	}
}
