package serve

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/transfer"
)

const (
	usersJSON = `{
  "users": [
    {
      "id": 1,
      "name": "Ada"
    },
    {
      "id": 2,
      "name": "Bob"
    }
  ]`
	threadsJSON = `
  "threads": [
    {
      "id": 5,
      "title": "One",
      "createdBy": 2
    }
  ]
}
`
	wholeJSON = usersJSON + ",\n" + threadsJSON
)

// record is what the fakes keep: an id and a text, and for threads a user.
type record struct {
	id, by int64
	text   string
}

// tableService is a fake service whose records can be imported.
func tableService(name string, columns func(*record) []transfer.Column) Service {
	s := fakeService(name, nil)
	if name == "threads" {
		s.Desc = threadsDesc
	}
	s.Table = transfer.NewTable(transfer.Codec[record]{
		Section:  name,
		Columns:  columns,
		Validate: func(*record) error { return nil },
		Insert: func(tx *store.Tx, r *record, _ *timestamppb.Timestamp) error {
			key := strconv.AppendInt(nil, r.id, 10)
			return errors.Join(tx.SetNextID(fakeBucket, r.id), tx.Put(fakeBucket, key, strconv.AppendInt([]byte(r.text+"\n"), r.by, 10)))
		},
		Scan: func(tx *bbolt.Tx, visit func(*record) error) error {
			return tx.Bucket(fakeBucket).ForEach(func(k, v []byte) error {
				text, by, _ := strings.Cut(string(v), "\n")
				r := &record{text: text}
				r.id, _ = strconv.ParseInt(string(k), 10, 64)
				r.by, _ = strconv.ParseInt(by, 10, 64)
				return visit(r)
			})
		},
	})
	return s
}

// boardBinary has users and threads that can be imported, with a sample of two users
// and a thread.
func boardBinary() Binary {
	users := tableService("users", func(r *record) []transfer.Column {
		return []transfer.Column{transfer.ID(&r.id), transfer.Text("name", &r.text)}
	})
	users.Sample = []byte(usersJSON + "}")
	threads := tableService("threads", func(r *record) []transfer.Column {
		return []transfer.Column{transfer.ID(&r.id), transfer.Text("title", &r.text), transfer.Ref("createdBy", "users", &r.by)}
	})
	threads.Sample = []byte("{" + threadsJSON)
	return Binary{Name: "board", About: "A board.", Services: []Service{users, threads}, REST: fakeFace}
}

// usersBinary has just the users of it.
func usersBinary() Binary {
	b := boardBinary()
	b.Name, b.Services = "users", b.Services[:1]
	return b
}

func write(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "board.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serveBoard serves a data folder and returns what the log says.
func serveBoard(t *testing.T, b Binary, data, seed string) (p *Process, log *syncBuffer) {
	t.Helper()
	log = new(syncBuffer)
	p, err := Start(t.Context(), b, Config{
		HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", Data: data, Seed: seed, Log: observe.NewLogger(log, observe.Text),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stopAfter(context.WithoutCancel(t.Context()), 0); err != nil {
			t.Error(err)
		}
	})
	return p, log
}

func TestImportAndExport(t *testing.T) {
	data, file := filepath.Join(t.TempDir(), "new"), write(t, wholeJSON)
	code, out, errs := runFake(boardBinary(), "import", "--data", data, file)
	if want := "users: imported 2 users in 0.00 s\nthreads: imported 1 thread in 0.00 s\n"; code != 0 || anyTime(out) != want || errs != "" {
		t.Fatalf("import: %d\n%s%s", code, out, errs)
	}
	code, out, errs = runFake(boardBinary(), "import", "--data", data, file)
	if want := "users: already holds these 2 users; nothing to do\nthreads: already holds this 1 thread; nothing to do\n"; code != 0 || out != want || errs != "" {
		t.Errorf("import again: %d\n%s%s", code, out, errs)
	}

	code, out, errs = runFake(boardBinary(), "export", "--data", data, "-")
	if code != 0 || out != wholeJSON || errs != "users: exported 2 users\nthreads: exported 1 thread\n" {
		t.Errorf("export -: %d\n%s%s", code, out, errs)
	}
	// A part of it, by the program of that part.
	code, out, errs = runFake(usersBinary(), "export", "--data", data, "-")
	if code != 0 || out != usersJSON+"\n}\n" {
		t.Errorf("export of users: %d\n%s%s", code, out, errs)
	}

	other := write(t, `{"users": [{"id": 9, "name": "Eve"}]}`)
	code, out, errs = runFake(boardBinary(), "import", "--data", data, other)
	if want := "board: users: the store holds other data: " + filepath.Join(data, "users", "store.db") +
		"; import fills an empty store: name another folder with --data, or move that file away first\n"; code != 1 || out != "" || errs != want {
		t.Errorf("import of other data: %d\n%s%s", code, out, errs)
	}
	code, out, errs = runFake(boardBinary(), "import", "--data", filepath.Join(data, "part"), write(t, "{"+threadsJSON))
	if code != 0 || !strings.HasPrefix(out, "users: none in ") || !strings.Contains(out, "; left as it is\nthreads: imported 1 thread in ") ||
		!strings.HasSuffix(out, "board.json has no users, so whether those that these refer to exist was not checked\n") {
		t.Errorf("import of a part: %d\n%s%s", code, out, errs)
	}
}

// anyTime makes lines comparable that say how long something took.
func anyTime(s string) string {
	words := strings.SplitAfter(s, " ")
	for i := range words {
		if i > 0 && words[i-1] == "in " && strings.HasSuffix(words[i], " ") {
			words[i] = "0.00 "
		}
	}
	return strings.Join(words, "")
}

func TestExportToFile(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	out := filepath.Join(dir, "out.json")
	if code, _, errs := runFake(boardBinary(), "export", "--data", data, out); code != 1 || !strings.Contains(errs, store.ErrMissing.Error()) {
		t.Errorf("export of nothing: %d\n%s", code, errs)
	}
	if code, _, errs := runFake(boardBinary(), "import", "--data", data, write(t, wholeJSON)); code != 0 {
		t.Fatal(errs)
	}
	for _, c := range []struct {
		args []string
		code int
		errs string
	}{
		{[]string{out}, 0, ""},
		{[]string{out}, 1, "board: " + out + ": file already exists; nothing is overwritten without --force\n"},
		{[]string{out, "--force"}, 0, ""},
	} {
		code, printed, errs := runFake(boardBinary(), append([]string{"export", "--data", data}, c.args...)...)
		if code != c.code || errs != c.errs || code == 0 && printed != "users: exported 2 users\nthreads: exported 1 thread\n" {
			t.Errorf("export %v: %d\n%s%s", c.args, code, printed, errs)
		}
		if got, err := os.ReadFile(out); err != nil || string(got) != wholeJSON {
			t.Errorf("export %v made %q, %v", c.args, got, err)
		}
	}
	if left := list(t, dir); !slices.Equal(left, []string{"out.json"}) {
		t.Errorf("the folder has %v", left)
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A served store cannot be imported into; it is exported from a copy.
func TestImportAndExportWhileServed(t *testing.T) {
	data, dir, file := t.TempDir(), t.TempDir(), write(t, wholeJSON)
	if code, _, errs := runFake(boardBinary(), "import", "--data", data, file); code != 0 {
		t.Fatal(errs)
	}
	// Of the two, one is served and the other is not.
	serveBoard(t, usersBinary(), data, seedNone)
	for range 2 {
		out := filepath.Join(dir, "out.json")
		code, _, errs := runFake(boardBinary(), "export", "--force", "--data", data, out)
		got, err := os.ReadFile(out)
		if code != 0 || err != nil || string(got) != wholeJSON {
			t.Errorf("export: %d, %v\n%s%s", code, err, got, errs)
		}
	}
	if left := list(t, dir); !slices.Equal(left, []string{"out.json"}) {
		t.Errorf("the folder has %v", left)
	}
	code, out, errs := runFake(boardBinary(), "import", "--data", data, file)
	if code != exitHeld || out != "" || !strings.HasSuffix(errs, "; a store is imported into while nobody serves it: stop every process that may own it first\n") {
		t.Errorf("import: %d\n%s%s", code, out, errs)
	}
}

func TestImportOfBadFile(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new")
	missing := filepath.Join(t.TempDir(), "missing.json")
	code, _, errs := runFake(boardBinary(), "import", "--data", data, missing)
	if code != 1 || !strings.Contains(errs, missing) {
		t.Errorf("a missing file: %d\n%s", code, errs)
	}
	if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file made the data folder: %v", err)
	}
	bad := write(t, strings.Replace(wholeJSON, `"createdBy": 2`, `"createdBy": 3`, 1))
	code, out, errs := runFake(boardBinary(), "import", "--data", data, bad)
	if want := "board: " + bad + ":17: threads[0]: createdBy: there is no user with the id 3 in the file\n"; code != 1 || out != "" || errs != want {
		t.Errorf("a bad file: %d\n%s%s", code, out, errs)
	}
	for _, service := range []string{"users", "threads"} {
		if _, err := os.Stat(filepath.Join(data, service, storeFile)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a bad file made a store of %s: %v", service, err)
		}
	}
}

func TestSeed(t *testing.T) {
	exported := func(data string) string {
		code, out, errs := runFake(boardBinary(), "export", "--data", data, "-")
		if code != 0 {
			t.Fatal(errs)
		}
		return out
	}
	const empty = "{\n  \"users\": [],\n\n  \"threads\": []\n}\n"
	other := `{"users": [{"id": 7, "name": "Eve"}], "threads": []}`
	eve := "{\n  \"users\": [\n    {\n      \"id\": 7,\n      \"name\": \"Eve\"\n    }\n  ],\n\n  \"threads\": []\n}\n"

	for name, c := range map[string]struct {
		before string // what the board holds; "": there is none
		seed   string
		want   string
		logged string
	}{
		"none":                {"", seedNone, empty, ""},
		"not said":            {"", "", empty, ""},
		"sample":              {"", seedSample, wholeJSON, "msg=seeded store=threads records=1 from=sample"},
		"file":                {"", write(t, other), eve, "msg=seeded store=users records=1 from="},
		"again":               {wholeJSON, seedSample, wholeJSON, ""},
		"other data":          {other, seedSample, eve, "msg=\"not seeded\""},
		"cut off by a crash":  {usersJSON + "}", seedSample, wholeJSON, "msg=seeded store=threads records=1 from=sample"},
		"empty stores":        {`{"users": [], "threads": []}`, seedSample, wholeJSON, "msg=seeded store=users"},
		"no need of the file": {wholeJSON, "/nowhere.json", wholeJSON, ""},
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			if c.before != "" {
				if code, _, errs := runFake(boardBinary(), "import", "--data", data, write(t, c.before)); code != 0 {
					t.Fatal(errs)
				}
			}
			// An import that was killed has left a file.
			if err := os.MkdirAll(filepath.Join(data, "users"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(data, "users", storeFile+".import.new"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			p, log := serveBoard(t, boardBinary(), data, c.seed)
			if got := exported(data); got != c.want {
				t.Errorf("the board holds\n%s", got)
			}
			if err := p.stopAfter(t.Context(), 0); err != nil {
				t.Error(err)
			}
			if left := list(t, filepath.Join(data, "users")); !slices.Equal(left, []string{"journal.jsonl", "lock", storeFile}) {
				t.Errorf("the folder has %v", left)
			}
			if got := log.String(); !strings.Contains(got, c.logged) || c.logged == "" && strings.Contains(got, "seeded") {
				t.Errorf("the log is\n%s", got)
			}
		})
	}
}

func TestSeedThatFails(t *testing.T) {
	for name, c := range map[string]struct{ seed, want string }{
		"no such file": {"/nowhere.json", "--seed: open /nowhere.json: no such file or directory"},
		"a bad file":   {write(t, `{"users": [{}]}`), "users[0]: id: is missing"},
		"nothing":      {write(t, `{"posts": []}`), transfer.ErrNoSection.Error()},
	} {
		data := t.TempDir()
		_, err := Start(t.Context(), boardBinary(), Config{HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", Data: data, Seed: c.seed})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if left := list(t, filepath.Join(data, "users")); !slices.Equal(left, []string{"lock"}) {
			t.Errorf("%s: the folder has %v", name, left)
		}
	}
}

// What is no regular file is neither waited for nor replaced.
func TestTransferOfPipes(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	p, _ := serveBoard(t, boardBinary(), data, write(t, wholeJSON))
	if err := p.stopAfter(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"read twice":   {"import", "--data", t.TempDir(), pipe},
		"--seed":       {"serve", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--data", t.TempDir(), "--seed", pipe},
		"not replaced": {"export", "--data", data, "--force", pipe},
	} {
		var out, errs syncBuffer
		if code := run(boardBinary(), args, &out, &errs); code != exitFailure || !strings.Contains(errs.String(), name) {
			t.Errorf("%v: code %d\n%s", args, code, errs.String())
		}
	}
	if fi, err := os.Stat(pipe); err != nil || fi.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe is %v, %v", fi, err)
	}
}
