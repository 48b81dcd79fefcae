package admin

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"
)

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
		// Paced: a store that grows as fast as it can outruns the checks of its copies.
		next := time.NewTicker(time.Millisecond)
		defer next.Stop()
		for {
			select {
			case <-stop:
				return
			case <-next.C:
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
