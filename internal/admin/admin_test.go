package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
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
	dir    string
	store  *store.Store
	server *Server
	client *Client
}

// serve starts an admin server for one store, on its socket, and connects to it.
func serve(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{dir: t.TempDir()}
	l, err := lease.Acquire(f.dir, lease.Owner{Instance: lease.NewInstance()}, lease.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f.store, err = store.Open(filepath.Join(f.dir, "store.db"), schema, store.Options{}); err != nil {
		t.Fatal(err)
	}
	ln, err := l.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.server = NewServer(Process{Instance: "i", Binary: "b", Version: "v", Start: time.Unix(1, 0)}, []string{"test"},
		map[string]Store{"test": {Dir: f.dir, Store: f.store}})
	server := grpc.NewServer(grpc.WaitForHandlers(true))
	adminv1.RegisterAdminServiceServer(server, f.server)
	go server.Serve(ln) //nolint:errcheck // ends with the test
	if f.client, err = Dial(t.Context(), f.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := f.client.Close()
		server.Stop()
		if err := errors.Join(err, f.store.Close(), l.Release()); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(f.dir, "*"+lease.BackupSuffix)); len(left) > 0 {
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
	if got.GetInstance() != "i" || got.GetBinary() != "b" || got.GetVersion() != "v" || got.GetPid() != int64(os.Getpid()) || got.GetStartTime().GetSeconds() != 1 {
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
		s.GetSchemaVersion() != 1 || s.GetMinReader() != 1 || !s.GetOpenTime().AsTime().Equal(info.OpenTime) {
		t.Errorf("store: %v, want %+v", s, info)
	}
}

func TestDialNobody(t *testing.T) {
	dir := t.TempDir()
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotServed) {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.WriteFile(lease.SocketPath(dir, "dead"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotServed) {
		t.Errorf("a dead socket: %v", err)
	}
}

// A copy made while the store is written to is a whole store of one moment.
func TestBackupWhileWriting(t *testing.T) {
	f := serve(t)
	for range 50 {
		add(t, f.store, 64<<10) // more than one chunk
	}
	stop := make(chan struct{})
	written := make(chan struct{})
	var wrote atomic.Int64
	go func() {
		defer close(written)
		for {
			select {
			case <-stop:
				return
			default:
				add(t, f.store, 100)
				wrote.Add(1)
			}
		}
	}()
	for i := range 3 {
		before := wrote.Load()
		path := filepath.Join(t.TempDir(), strconv.Itoa(i))
		out, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.client.Backup(t.Context(), "test", out), out.Close()); err != nil {
			t.Fatal(err)
		}
		if problems, err := store.Check(path, schema); err != nil || len(problems) > 0 {
			t.Errorf("the copy: %v, %v", problems, err)
		}
		info, err := store.Peek(path)
		if err != nil || info.Sequence < uint64(50+before) || info.Sequence > uint64(50+wrote.Load()+1) {
			t.Errorf("the copy is of change %d, %v; the store was at %d to %d", info.Sequence, err, 50+before, 50+wrote.Load())
		}
		restored, err := store.Open(path, schema, store.Options{NeverCreate: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := restored.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	<-written
}

func TestBackupRefused(t *testing.T) {
	f := serve(t)
	refused := func(service, want string) {
		t.Helper()
		var out bytes.Buffer
		if err := f.client.Backup(t.Context(), service, &out); err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("backup of %q: %v and %d bytes, want %q", service, err, out.Len(), want)
		}
	}
	refused("threads", "does not serve that store")
	refused("", "does not serve that store")

	f.server.stores["test"].backup <- struct{}{}
	refused("test", "is running already")
	<-f.server.stores["test"].backup

	f.server.free = func(string) (uint64, error) { return 1 << 20, nil }
	refused("test", "needs 64 MiB free in the data folder, which has 1 MiB")
	f.server.free = freeBytes
	var out bytes.Buffer
	if err := f.client.Backup(t.Context(), "test", &out); err != nil || out.Len() == 0 {
		t.Errorf("after the refusals: %v and %d bytes", err, out.Len())
	}
}

// stalled is a receiver that stops after the first piece.
type stalled struct {
	once    chan struct{}
	release chan struct{}
}

func (s *stalled) Write(p []byte) (int, error) {
	select {
	case s.once <- struct{}{}:
	default:
	}
	<-s.release
	return len(p), nil
}

// A receiver that stops reading holds up neither writes nor the next backup once it is
// gone, and leaves nothing behind.
func TestBackupReceiverStalls(t *testing.T) {
	f := serve(t)
	for range 40 {
		add(t, f.store, 256<<10)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := &stalled{once: make(chan struct{}, 1), release: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- f.client.Backup(ctx, "test", w) }()
	<-w.once
	if left, _ := filepath.Glob(filepath.Join(f.dir, "*"+lease.BackupSuffix)); len(left) > 0 {
		t.Errorf("while it is sent the copy has a name: %v", left)
	}
	// Writes go on meanwhile.
	for range 20 {
		add(t, f.store, 256<<10)
	}
	cancel()
	close(w.release)
	if err := <-ended; err == nil {
		t.Error("a backup that was broken off says that it is whole")
	}
	// The next one is admitted when the server has noticed.
	deadline := time.Now().Add(5 * time.Second)
	for {
		var out bytes.Buffer
		err := f.client.Backup(t.Context(), "test", &out)
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "is running already") || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
