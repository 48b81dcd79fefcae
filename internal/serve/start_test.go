package serve

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"
)

func TestStartFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	two := twoBinary()
	two.Services[1].Desc = threadsDesc
	asking := fakeBinary(nil)
	asking.Services[0].Peers = []string{"threads"}
	stopped, stop := context.WithCancel(t.Context())
	stop()

	for _, c := range []struct {
		name   string
		binary Binary
		ctx    context.Context // a table
		change func(t *testing.T, c *Config)
		is     error
		says   string
		left   []string
	}{
		{
			name: "store missing", binary: two, is: store.ErrMissing, says: "is the disk mounted?",
			change: func(_ *testing.T, c *Config) { c.NeverCreate = true },
		},
		{
			name: "store is foreign", binary: two, is: store.ErrForeign,
			change: func(t *testing.T, c *Config) {
				p, err := Start(t.Context(), fakeBinary(nil), *c)
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(filepath.Join(c.Data, "users"), filepath.Join(c.Data, "threads")); err != nil {
					t.Fatal(err)
				}
			},
			left: append(atRest("threads"), atRest("users")...),
		},
		{
			name: "bad peer", binary: asking, says: `--threads-addr: "nonsense" is neither host:port nor srv:NAME`,
			change: func(_ *testing.T, c *Config) { c.Peers = map[string]string{"threads": "nonsense"} },
			left:   atRest("users"),
		},
		{
			name: "gRPC port taken", binary: fakeBinary(nil), says: "in use by another process; choose another with --grpc",
			change: func(_ *testing.T, c *Config) { c.GRPC = taken.Addr().String() },
			left:   atRest("users"),
		},
		{
			name: "HTTP port taken", binary: fakeBinary(nil), says: "in use by another process; choose another with --http",
			change: func(_ *testing.T, c *Config) { c.HTTP = taken.Addr().String() },
			left:   atRest("users"),
		},
		{
			name: "folder too deep", binary: fakeBinary(nil), is: lease.ErrPathTooLong, says: "at most 107",
			change: func(_ *testing.T, c *Config) { c.Data = filepath.Join(c.Data, strings.Repeat("d", 100)) },
			left:   atRest(strings.Repeat("d", 100) + "/users"),
		},
		{name: "data is a file", binary: fakeBinary(nil), says: "--data",
			change: func(t *testing.T, c *Config) {
				c.Data = filepath.Join(c.Data, "file")
				if err := os.WriteFile(c.Data, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			},
			left: []string{"file"},
		},
		{name: "interrupted", binary: fakeBinary(nil), ctx: stopped, is: context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := t.TempDir()
			config := Config{HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", Data: base}
			if c.change != nil {
				c.change(t, &config)
			}
			ctx := c.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			before := runtime.NumGoroutine()
			files := openFiles(t)
			p, err := Start(ctx, c.binary, config)
			if err == nil {
				_ = p.Stop(t.Context())
				t.Fatal("it starts")
			}
			if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want %v and %q", err, c.is, c.says)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %v", err)
			}
			if got := names(t, base); !slices.Equal(got, c.left) {
				t.Errorf("the folder has %v, want %v", got, c.left)
			}
			waitFor(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
			waitFor(t, "files to be closed", func() bool { return openFiles(t) <= files })
		})
	}
}
