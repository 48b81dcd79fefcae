package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// capSysAdmin is the capability to mount (capabilities(7)).
const capSysAdmin = 21

// smallDisk mounts a file system of so many bytes. Without the privilege to mount it
// says so and gives false; if the mount is refused to somebody who has it, the test fails.
func smallDisk(t *testing.T, size int) (dir string, ok bool) {
	t.Helper()
	if !mayMount(t) {
		t.Log("NO REAL DISK WAS FILLED: mounting one needs CAP_SYS_ADMIN, which this process lacks; the full disk is injected instead")
		return "", false
	}
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatalf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return dir, true
}

func mayMount(t *testing.T) bool {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "CapEff:")
	line, _, _ := strings.Cut(after, "\n")
	caps, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return caps&(1<<capSysAdmin) != 0
}

func TestAFullDisk(t *testing.T) {
	const size = 2 << 20
	dir, mounted := smallDisk(t, size)
	path := newPath(t)
	if mounted {
		path = filepath.Join(dir, "store.db")
	}
	s := openAt(t, path, testSchema, Options{})
	ballast := filepath.Join(dir, "ballast")
	mustChange(t, s, steps(put("k", "before"), addItem))
	injected := mounted
	fill := func(i int) error {
		if !injected && i == 50 {
			injected = true
			failOnce(s, writeError(syscall.ENOSPC))
		}
		ctx := WithIdempotencyKey(t.Context(), fmt.Sprint("key", i))
		_, err := Mutate(ctx, s, "/test/Fill", wrapperspb.Int32(int32(i)), func(tx *Tx) (*wrapperspb.Int32Value, error) {
			return wrapperspb.Int32(int32(i)), tx.Put(rowsBucket, be(uint64(i)), make([]byte, 20_000))
		})
		return err
	}
	if mounted {
		if err := os.WriteFile(ballast, make([]byte, size/4), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n, err := 0, error(nil)
	for ; err == nil && n < 1000; n++ {
		err = fill(n)
	}
	n-- // the last one failed
	if !errors.Is(err, ErrFull) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("after %d changes Mutate = %v, want ErrFull", n, err)
	}
	before := dump(t, s)
	for range 5 {
		if mounted {
			if err := fill(n); !errors.Is(err, ErrFull) {
				t.Errorf("Mutate = %v, want ErrFull", err)
			}
		}
	}
	wantRow(t, s, "k", "before")
	wantDump(t, dump(t, s), before)
	if problems, err := s.Check(); err != nil || len(problems) > 0 {
		t.Errorf("the full store: %q, %v", problems, err)
	}

	// A process that is started on a full disk serves what is there.
	if mounted {
		closeStore(t, s)
		s = openAt(t, path, testSchema, Options{})
		wantDump(t, dump(t, s), before)
		if err := fill(n); !errors.Is(err, ErrFull) {
			t.Errorf("Mutate = %v, want ErrFull", err)
		}
		backup := filepath.Join(dir, "backup.db")
		if err := s.BackupTo(t.Context(), backup); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("BackupTo = %v, want ENOSPC", err)
		}
		if _, err := os.Stat(backup); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the broken backup is still there: %v", err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}

	// With room again, the same keys succeed, and those that had are not run again.
	for i := range n + 1 {
		if err := fill(i); err != nil {
			t.Errorf("the retry of change %d: %v", i, err)
		}
	}
	if got, want := s.Sequence(), uint64(n+2); got != want {
		t.Errorf("Sequence = %d, want %d", got, want)
	}
}
