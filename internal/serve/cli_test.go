package serve

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"go.etcd.io/bbolt"

	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/store"
)

func postsBinary() Binary {
	s := fakeService("posts", nil)
	s.Peers = []string{"users", "threads"}
	return Binary{Name: "posts", About: "Posts.", Services: []Service{s}, REST: fakeFace}
}

func edgeBinary() Binary {
	return Binary{Name: "edge", About: "Edge.", Upstreams: []string{"users", "threads", "posts"}, REST: fakeFace}
}

func twoBinary() Binary {
	return Binary{Name: "two", About: "Two.", Services: []Service{fakeService("users", nil), fakeService("threads", nil)}, REST: fakeFace}
}

// flags gives what a parse filled in, by flag.
func flags(ctx *kong.Context) map[string]any {
	m := make(map[string]any)
	for _, f := range ctx.Flags() {
		if f.Name != "help" {
			m[f.Name] = f.Target.Interface()
		}
	}
	return m
}

func parse(t *testing.T, b Binary, args ...string) (map[string]any, error) {
	t.Helper()
	parser, err := newParser(&b, commands(&b), new(syncBuffer), new(syncBuffer))
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return nil, err
	}
	return flags(ctx), nil
}

func TestFlagsAndEnvironment(t *testing.T) {
	defaults := map[string]any{
		"http": ":3000", "grpc": ":50051", "data": "./data", "drain": 5 * time.Second, "log": observe.Text,
		"create": "auto", "seed": "sample", "allow-network-fs": false, "no-own": false, "users-addr": "localhost:50051", "threads-addr": "localhost:50052",
	}
	got, err := parse(t, postsBinary())
	if err != nil || !reflect.DeepEqual(got, defaults) {
		t.Errorf("defaults of posts: %v, %v; want %v", got, err, defaults)
	}
	if got, err := parse(t, postsBinary(), "serve"); err != nil || !reflect.DeepEqual(got, defaults) {
		t.Errorf("defaults of posts serve: %v, %v", got, err)
	}
	for name, binary := range map[string]struct {
		Binary
		want []string
	}{
		"users": {fakeBinary(nil), []string{"allow-network-fs", "create", "data", "drain", "grpc", "http", "log", "no-own", "seed"}},
		"edge":  {edgeBinary(), []string{"drain", "http", "log", "posts-addr", "threads-addr", "users-addr"}},
	} {
		got, err := parse(t, binary.Binary)
		if keys := slices.Sorted(maps.Keys(got)); err != nil || !slices.Equal(keys, binary.want) {
			t.Errorf("%s has the flags %v, %v; want %v", name, keys, err, binary.want)
		}
	}
	// Each flag, by flag and by environment, and the flag wins.
	for _, c := range []struct {
		flag, value, other string
		want               any
	}{
		{"http", "127.0.0.1:8080", ":1", "127.0.0.1:8080"},
		{"grpc", "[::1]:9090", ":1", "[::1]:9090"},
		{"data", "/srv/board", "/x", "/srv/board"},
		{"drain", "1m30s", "1s", 90 * time.Second},
		{"log", "json", "text", observe.JSON},
		{"create", "never", "auto", "never"},
		{"seed", "board.json", "none", "board.json"},
		{"allow-network-fs", "true", "false", true},
		{"no-own", "true", "false", true},
		{"users-addr", "users:1,127.0.0.1:2", "x:1", "users:1,127.0.0.1:2"},
		{"threads-addr", "threads:1", "x:1", "threads:1"},
	} {
		t.Run(c.flag, func(t *testing.T) {
			if got, err := parse(t, postsBinary(), "--"+c.flag+"="+c.value); err != nil || got[c.flag] != c.want {
				t.Errorf("by flag: %v, %v; want %v", got[c.flag], err, c.want)
			}
			env := "SPLITBOARD_" + strings.ToUpper(strings.ReplaceAll(c.flag, "-", "_"))
			t.Setenv(env, c.value)
			if got, err := parse(t, postsBinary()); err != nil || got[c.flag] != c.want {
				t.Errorf("by %s: %v, %v; want %v", env, got[c.flag], err, c.want)
			}
			t.Setenv(env, c.other)
			if got, err := parse(t, postsBinary(), "--"+c.flag+"="+c.value); err != nil || got[c.flag] != c.want {
				t.Errorf("by flag against %s: %v, %v; want %v", env, got[c.flag], err, c.want)
			}
		})
	}
}

func TestEveryFlagHasHelp(t *testing.T) {
	for _, b := range []Binary{fakeBinary(nil), postsBinary(), edgeBinary()} {
		parser, err := newParser(&b, commands(&b), new(syncBuffer), new(syncBuffer))
		if err != nil {
			t.Fatal(err)
		}
		for _, node := range parser.Model.Children {
			if node.Help == "" {
				t.Errorf("%s %s has no help", b.Name, node.Name)
			}
			for _, f := range node.Flags {
				if f.Name == "help" {
					continue
				}
				want := "SPLITBOARD_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
				if f.Help == "" || !slices.Equal(f.Envs, []string{want}) {
					t.Errorf("%s %s --%s: help %q, environment %v", b.Name, node.Name, f.Name, f.Help, f.Envs)
				}
			}
		}
	}
}

func runFake(b Binary, args ...string) (code int, stdout, stderr string) {
	var out, err syncBuffer
	code = run(b, args, &out, &err)
	return code, out.String(), err.String()
}

func TestWrongUsage(t *testing.T) {
	t.Chdir(t.TempDir()) // should one of these serve after all
	for _, c := range []struct {
		binary Binary
		args   string
		says   string
	}{
		{postsBinary(), "--nope", "unknown flag --nope"},
		{postsBinary(), "nope", "unexpected argument nope"},
		{postsBinary(), "--http 3000", `--http "3000" is not an address`},
		{postsBinary(), "--grpc nonsense", `--grpc "nonsense" is not an address`},
		{postsBinary(), "--drain soon", "invalid duration"},
		{postsBinary(), "--drain=-1s", "--drain is negative"},
		{postsBinary(), "--log xml", "--log must be one of"},
		{postsBinary(), "--create maybe", "--create must be one of"},
		{postsBinary(), "--data=", "--data is empty"},
		{postsBinary(), "--users-addr users", `--users-addr: "users" is neither host:port nor srv:NAME`},
		{postsBinary(), "--posts-addr posts:1", "unknown flag --posts-addr"},
		{postsBinary(), "backup", `expected "<to>"`},
		{edgeBinary(), "backup x", "unexpected argument backup"},
		{edgeBinary(), "--data x", "unknown flag --data"},
		{twoBinary(), "check --service posts", `--service: two has no "posts"`},
	} {
		code, stdout, stderr := runFake(c.binary, strings.Fields(c.args)...)
		if code != exitUsage || !strings.Contains(stderr, c.says) || stdout != "" || !strings.Contains(stderr, c.binary.Name+" help") {
			t.Errorf("%s %s: exit %d, %q, %q; want %q", c.binary.Name, c.args, code, stdout, stderr, c.says)
		}
	}
	t.Setenv("SPLITBOARD_DRAIN", "soon")
	if code, _, stderr := runFake(postsBinary()); code != exitUsage || !strings.Contains(stderr, "SPLITBOARD_DRAIN") {
		t.Errorf("a bad environment variable: exit %d, %q", code, stderr)
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, args := range []string{"help", "--help", "-h"} {
		code, stdout, stderr := runFake(postsBinary(), args)
		if code != 0 || stderr != "" {
			t.Errorf("%s: exit %d, %q", args, code, stderr)
		}
		for _, part := range []string{"Posts.", "serve", "status", "backup", "check", "migrate", "version", "SPLITBOARD_", "Exit codes"} {
			if !strings.Contains(stdout, part) {
				t.Errorf("%s does not say %s:\n%s", args, part, stdout)
			}
		}
	}
	for _, args := range []string{"help serve", "serve --help"} {
		code, stdout, _ := runFake(postsBinary(), strings.Fields(args)...)
		for _, part := range []string{`--http=":3000"`, `--users-addr="localhost:50051"`, "$SPLITBOARD_DRAIN", "--create"} {
			if code != 0 || !strings.Contains(stdout, part) {
				t.Errorf("%s: exit %d, does not say %s:\n%s", args, code, part, stdout)
			}
		}
	}
	if code, stdout, _ := runFake(edgeBinary(), "help"); code != 0 || strings.Contains(stdout, "backup") {
		t.Errorf("edge help: exit %d\n%s", code, stdout)
	}
	if code, stdout, _ := runFake(edgeBinary(), "version"); code != 0 || stdout != "edge "+Version()+"\n" || Version() == "" {
		t.Errorf("version: exit %d, %q", code, stdout)
	}
}

// startTwo starts a binary with two stores, of which only the first has a server.
func startTwo(t *testing.T, data string) *Process {
	t.Helper()
	b := twoBinary()
	b.Services[1].Desc = threadsDesc
	p, err := Start(t.Context(), b, Config{HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", Data: data})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestStatusCommand(t *testing.T) {
	data := t.TempDir()
	if code, stdout, _ := runFake(twoBinary(), "status", "--data", data); code != exitFailure || strings.Count(stdout, "not served") != 2 {
		t.Errorf("nobody serves: exit %d\n%s", code, stdout)
	}
	p := startTwo(t, data)
	code, stdout, stderr := runFake(twoBinary(), "status", "--data", data)
	if lines := strings.Split(stdout, "\n"); code != 0 || len(lines) != 8 || !strings.HasPrefix(lines[1], "users") || !strings.HasPrefix(lines[2], "threads") ||
		!strings.Contains(lines[1], p.instance) {
		t.Errorf("exit %d, %q\n%s", code, stderr, stdout)
	}
	code, stdout, _ = runFake(twoBinary(), "status", "--data", data, "--json")
	var board boardStatus
	if err := json.Unmarshal([]byte(stdout), &board); err != nil || code != 0 || len(board.Stores) != 2 || len(board.Processes) != 1 {
		t.Fatalf("exit %d, %v\n%s", code, err, stdout)
	}
	if s := board.Stores[1]; s.Service != "threads" || !s.Served || s.Owner.PID != int64(os.Getpid()) || s.Owner.Instance != p.instance ||
		s.Store.Epoch != 1 || s.Store.UUID == "" {
		t.Errorf("the store: %s", stdout)
	}
	if is := board.Processes[0]; is.Instance != p.instance || len(is.Stores) != 2 || is.Stores[0].State != "OWNER" || is.Stores[1].Service != "threads" {
		t.Errorf("the process: %s", stdout)
	}
}

func TestEdgeStatusCommand(t *testing.T) {
	r := start(t, nil)
	b := edgeBinary()
	b.Upstreams = []string{"users"}
	code, stdout, _ := runFake(b, "status", "--users-addr", r.GRPCAddr())
	if code != 0 || !strings.Contains(stdout, "serving") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
	addr := r.GRPCAddr()
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	code, stdout, _ = runFake(b, "status", "--users-addr", addr, "--json")
	var list []upstreamStatus
	if err := json.Unmarshal([]byte(stdout), &list); err != nil || code != exitFailure || len(list) != 1 || list[0].Serving || list[0].Error == "" || list[0].Target != addr {
		t.Errorf("exit %d, %v\n%s", code, err, stdout)
	}
}

func TestBackupCommand(t *testing.T) {
	data, out := t.TempDir(), t.TempDir()
	one, all := filepath.Join(out, "users.db"), filepath.Join(out, "all")
	ok := func(args ...string) {
		t.Helper()
		if code, _, stderr := runFake(twoBinary(), append(args, "--data", data)...); code != 0 {
			t.Errorf("%v: exit %d, %s", args, code, stderr)
		}
	}
	fails := func(says string, args ...string) {
		t.Helper()
		if code, _, stderr := runFake(twoBinary(), append(args, "--data", data)...); code != exitFailure || !strings.Contains(stderr, says) {
			t.Errorf("%v: exit %d, %s; want %q", args, code, stderr, says)
		}
	}
	fails("there is no store", "backup", filepath.Join(out, "none"), "--service", "users")
	if left := names(t, data); len(left) != 0 {
		t.Errorf("a backup of nothing made %v", left)
	}
	if err := os.Remove(filepath.Join(out, "none")); err == nil {
		t.Error("a backup of nothing made a file")
	}

	p := startTwo(t, data)
	ok("backup", one, "--service", "users")
	ok("backup", all)
	fails("nothing is overwritten", "backup", one, "--service", "users")
	fails("goes into a new folder", "backup", all)
	fails("no such file", "backup", filepath.Join(out, "no", "folder"), "--service", "users")
	if got, want := names(t, out), []string{"all/threads/store.db", "all/users/store.db", "users.db"}; !slices.Equal(got, want) {
		t.Errorf("there is %v, want %v", got, want)
	}
	if code, stdout, stderr := runFake(twoBinary(), "check", "--data", all); code != 0 || stdout != "users: ok\nthreads: ok\n" {
		t.Errorf("check of the backup: exit %d\n%s%s", code, stdout, stderr)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	// Nobody serves now.
	still := filepath.Join(out, "still")
	before, err := store.Peek(filepath.Join(data, "users", storeFile))
	if err != nil {
		t.Fatal(err)
	}
	ok("backup", still)
	after, err := store.Peek(filepath.Join(still, "users", storeFile))
	if err != nil || after.Epoch != before.Epoch || after.UUID != before.UUID {
		t.Errorf("the copy: %+v, %v; want %+v", after, err, before)
	}
	// serve starts from it.
	if err := startTwo(t, still).Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCheckAndMigrateCommands(t *testing.T) {
	data := t.TempDir()
	if code, _, stderr := runFake(twoBinary(), "check", "--data", data); code != exitFailure || strings.Count(stderr, "there is no store") != 2 {
		t.Errorf("no stores: exit %d, %s", code, stderr)
	}
	p := startTwo(t, data)
	for _, command := range []string{"check", "migrate"} {
		if code, _, stderr := runFake(twoBinary(), command, "--data", data); code != exitHeld || !strings.Contains(stderr, "pid") {
			t.Errorf("%s while it is served: exit %d, %s", command, code, stderr)
		}
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, stdout, _ := runFake(twoBinary(), "check", "--data", data, "--service", "threads"); code != 0 || stdout != "threads: ok\n" {
		t.Errorf("check of one: exit %d, %s", code, stdout)
	}
	if code, stdout, _ := runFake(twoBinary(), "migrate", "--data", data); code != 0 || strings.Count(stdout, "nothing to do; min_reader is 1") != 2 {
		t.Errorf("migrate: exit %d, %s", code, stdout)
	}
	migrating := twoBinary()
	migrating.Services[0].Schema.Version = 2
	migrating.Services[0].Schema.Migrations = []store.Migration{{Version: 2, Step: func(*store.Tx) (bool, error) { return true, nil }}}
	if code, stdout, _ := runFake(migrating, "migrate", "--data", data, "--service", "users"); code != 0 || stdout != "users: min_reader was 1 and is 2\n" {
		t.Errorf("migrate: exit %d, %s", code, stdout)
	}
	if code, _, stderr := runFake(twoBinary(), "--data", data, "--seed", "none", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"); code != exitFailure || !strings.Contains(stderr, "newer binary") {
		t.Errorf("an older binary: exit %d, %s", code, stderr)
	}

	// Damage: a row that the checksum does not know and that the schema calls bad.
	db, err := bbolt.Open(filepath.Join(data, "threads", storeFile), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(fakeBucket).Put([]byte("bad"), nil) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := runFake(twoBinary(), "check", "--data", data, "--service", "threads")
	if code != exitFailure || !strings.Contains(stdout, "threads: ") || !strings.Contains(stderr, "the store is damaged") {
		t.Errorf("damage: exit %d\n%s%s", code, stdout, stderr)
	}
}
