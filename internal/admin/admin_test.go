package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/splitboard/splitboard/internal/budget"
	"github.com/splitboard/splitboard/internal/forward"
	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

var rows = []byte("rows")

// schema is a service whose rows are numbered without a gap.
var schema = store.Schema{
	Service: "test", Version: 1, Buckets: []store.Bucket{{Name: rows, Since: 1}},
	Check: func(tx *bbolt.Tx, report func(string, ...any)) error {
		want := 0
		return tx.Bucket(rows).ForEach(func(k, _ []byte) error {
			if want++; string(k) != fmt.Sprintf("%08d", want) {
				report("row %s follows row %d", k, want-1)
			}
			return nil
		})
	},
}

// add writes the next row.
func add(t *testing.T, s *store.Store, size int) {
	t.Helper()
	if _, err := store.Mutate(t.Context(), s, "add", &wrapperspb.BoolValue{}, func(tx *store.Tx) (*wrapperspb.BoolValue, error) {
		id, err := tx.NextID(rows)
		if err != nil {
			return nil, err
		}
		return &wrapperspb.BoolValue{}, tx.Put(rows, fmt.Appendf(nil, "%08d", id), bytes.Repeat([]byte{'x'}, size))
	}); err != nil {
		t.Error(err)
	}
}

type fixture struct {
	dir      string
	instance string
	store    *store.Store
	lease    *lease.Lease
	server   *Server
	client   *Client
}

// serve starts an admin server for one store, which it owns, and connects to it.
func serve(t *testing.T) *fixture {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sb") //nolint:usetesting // a socket's path is short, and t.TempDir has the test's name in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return join(t, dir)
}

// join starts an admin server on a folder's socket and connects to it. It owns the store
// if nobody does.
func join(t *testing.T, dir string) *fixture {
	t.Helper()
	f := &fixture{dir: dir, instance: lease.NewInstance()}
	f.store = store.New(filepath.Join(dir, "store.db"), schema, store.Options{})
	fatal := func(err error) { t.Errorf("fatal: %v", err) }
	var err error
	if f.lease, err = lease.New(lease.Config{
		Dir: dir, Self: lease.Owner{Instance: f.instance, Binary: "b"}, Store: f.store, Schema: schema,
		Desc: &usersv1.UsersService_ServiceDesc, Log: slog.New(slog.DiscardHandler), Fatal: fatal,
	}); err != nil {
		t.Fatal(err)
	}
	owns, err := f.lease.Lock()
	if err == nil && owns {
		err = f.lease.Open()
	}
	if err != nil {
		t.Fatal(err)
	}
	ln, err := lease.Listen(t.Context(), dir, f.instance)
	if err != nil {
		t.Fatal(err)
	}
	f.server = NewServer(
		Process{Instance: f.instance, Binary: "b", Version: "v", Start: time.Unix(1, 0), Draining: func() bool { return false }},
		[]string{"test"}, map[string]Store{"test": {Dir: dir, Store: f.store, Lease: f.lease}})
	server := grpc.NewServer(grpc.WaitForHandlers(true))
	adminv1.RegisterAdminServiceServer(server, f.server)
	rest, forwarded := forward.Split(ln)
	calls := forward.NewServer(func(context.Context, *forward.Call) (proto.Message, error) {
		return nil, errors.ErrUnsupported
	}, slog.New(slog.DiscardHandler), budget.New(0))
	go server.Serve(rest)     //nolint:errcheck // ends with the test
	go calls.Serve(forwarded) //nolint:errcheck // as well
	f.lease.Run()
	if f.client, err = dialSocket(lease.SocketPath(dir, f.instance)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := f.client.Close()
		server.Stop()
		if err := errors.Join(err, calls.Shutdown(context.WithoutCancel(t.Context())), lease.RemoveSocket(dir, f.instance), f.lease.Close(context.WithoutCancel(t.Context()))); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*"+lease.BackupSuffix)); len(left) > 0 {
			t.Errorf("copies are left: %v", left)
		}
	})
	return f
}

func TestStatus(t *testing.T) {
	f := serve(t)
	add(t, f.store, 1)
	got, err := f.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.GetInstance() != f.instance || got.GetBinary() != "b" || got.GetVersion() != "v" || got.GetPid() != int64(os.Getpid()) || got.GetStartTime().GetSeconds() != 1 {
		t.Errorf("process: %v", got)
	}
	info, err := f.store.Info()
	if err != nil {
		t.Fatal(err)
	}
	if len(got.GetStores()) != 1 {
		t.Fatalf("stores: %v", got.GetStores())
	}
	if s := got.GetStores()[0]; s.GetService() != "test" || s.GetUuid() != info.UUID || s.GetSequence() != 1 || s.GetEpoch() != 1 ||
		s.GetChecksum() != info.Checksum || s.GetSizeBytes() != info.SizeBytes || s.GetSizeBytes() == 0 ||
		s.GetState() != adminv1.StoreState_STORE_STATE_OWNER || s.GetOwner() != f.instance || s.GetSchemaVersion() != 1 || s.GetMinReader() != 1 || !s.GetOpenTime().AsTime().Equal(info.OpenTime) {
		t.Errorf("store: %v, want %+v", s, info)
	}
}

func TestDialNobody(t *testing.T) {
	dir := t.TempDir()
	if _, err := DialOwner(t.Context(), dir, "test"); !errors.Is(err, ErrNotServed) {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.WriteFile(lease.SocketPath(dir, "dead"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := DialOwner(t.Context(), dir, "test"); !errors.Is(err, ErrNotServed) {
		t.Errorf("a dead socket: %v", err)
	}
}
