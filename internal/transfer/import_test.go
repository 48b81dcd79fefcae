package transfer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/transfer"
)

const (
	loaded  = transfer.Loaded
	held    = transfer.Held
	changed = transfer.HeldAndChanged
	absent  = transfer.Absent
)

// boardJSON gives a file in the tutorial's shape.
func boardJSON(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile("../boardtest/testdata/board.json")
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// smaller is another board.
const smaller = `{"users": [{"id": 7, "username": "ada", "name": "Ada"}],
	"threads": [{"id": 8, "title": "One", "createdBy": 7}],
	"posts": [{"thread": 8, "text": "Hi", "user": 7}]}`

func TestImportThenExport(t *testing.T) {
	b := newBoard(t)
	want := boardJSON(t)
	results := b.mustLoad(t, want)
	for i, records := range []int64{4, 3, 6} {
		r := results[i]
		if r.Section != b.targets[i].Table.Section() || r.Outcome != loaded || r.Records != records || r.Unchecked != nil {
			t.Errorf("result %d: %+v", i, r)
		}
	}
	b.check(t)
	if got := b.text(t); got != want {
		t.Errorf("the export differs from the import:\n%s", got)
	}
	if got, want := b.files(t), []string{"posts/store.db", "threads/store.db", "users/store.db"}; !slices.Equal(got, want) {
		t.Errorf("the folder has %v", got)
	}
}

func TestExportKeepsIDs(t *testing.T) {
	want := `{
  "users": [
    {
      "id": 3,
      "username": "ada",
      "name": "A \"quoted\" \\ name",
      "bio": "Tab\t, newline\n, bell ` + "\u2028" + ` <&> 𝄞 \u007f"
    }
  ],

  "threads": [],

  "posts": [
    {
      "thread": 5,
      "text": "Its place",
      "user": 3
    },
    {
      "thread": 9007199254740991,
      "text": "Another place",
      "user": 3,
      "id": 7
    },
    {
      "thread": 5,
      "text": "The last",
      "user": 3,
      "id": 9007199254740991
    }
  ]
}
`
	want = strings.ReplaceAll(want, `\u007f`, "\u007f")
	first := newBoard(t)
	// Threads are another file's, so that posts may refer to any.
	first.mustLoad(t, strings.ReplaceAll(want, "  \"threads\": [],\n\n", ""))
	first.mustLoad(t, `{"threads": []}`)
	first.check(t)
	if got := first.text(t); got != want {
		t.Errorf("the export is\n%s, want\n%s", got, want)
	}
}

func TestExportOfEmptyStores(t *testing.T) {
	b := newBoard(t)
	empty := "{\n  \"users\": [],\n\n  \"threads\": [],\n\n  \"posts\": []\n}\n"
	if got := outcomes(b.mustLoad(t, empty)); !slices.Equal(got, []transfer.Outcome{loaded, loaded, loaded}) {
		t.Errorf("outcomes %v", got)
	}
	if got := b.text(t); got != empty {
		t.Errorf("the export is\n%s", got)
	}
}

func TestImportAgain(t *testing.T) {
	b := newBoard(t)
	text := boardJSON(t)
	b.mustLoad(t, text)
	before := b.state(t)

	// The records count, not how they are written down.
	compact := strings.NewReplacer("\n", " ", "  ", "", "O'Neil", `O\u0027Neil`).Replace(text)
	for _, again := range []string{text, compact} {
		results := b.mustLoad(t, again)
		if got := outcomes(results); !slices.Equal(got, []transfer.Outcome{held, held, held}) || results[2].Records != 6 {
			t.Errorf("results %+v", results)
		}
	}
	// Part of it, and part of it with ids that say what is known.
	if got := outcomes(b.mustLoad(t, `{"posts": `+text[strings.Index(text, `"posts": `)+9:])); !slices.Equal(got, []transfer.Outcome{absent, absent, held}) {
		t.Errorf("outcomes %v", got)
	}

	// Other data.
	for _, other := range []string{smaller, strings.Replace(text, "Soup, then", "Soup then", 1)} {
		_, err := b.load(t, other)
		if !errors.Is(err, transfer.ErrNotEmpty) {
			t.Errorf("other data: %v", err)
		}
	}
	if after := b.state(t); !maps.Equal(before, after) {
		t.Errorf("the files were touched: %v, %v", before, after)
	}

	b.write(t, "posts")
	if got := outcomes(b.mustLoad(t, text)); !slices.Equal(got, []transfer.Outcome{held, held, changed}) {
		t.Errorf("after a change: %v", got)
	}
}

// state gives all that would show that a file was touched.
func (b *board) state(tb testing.TB) map[string]string {
	tb.Helper()
	state := make(map[string]string)
	for _, name := range b.files(tb) {
		info, err := os.Stat(filepath.Join(b.dir, name))
		if err != nil {
			tb.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(b.dir, name))
		if err != nil {
			tb.Fatal(err)
		}
		state[name] = fmt.Sprintf("%v %v %x", info.ModTime(), info.Sys().(*syscall.Stat_t).Ino, sha256.Sum256(text))
	}
	return state
}

// Indexes are filled run by run.
func TestImportInRuns(t *testing.T) {
	text := boardJSON(t)
	for _, n := range []int{1, 2, 4, 6, 7} { // of 6 posts
		transfer.SetIndexRun(t, n)
		b := newBoard(t)
		b.mustLoad(t, text)
		b.check(t)
		if got := b.text(t); got != text {
			t.Errorf("runs of %d give\n%s", n, got)
		}
		if got := outcomes(b.mustLoad(t, text)); !slices.Equal(got, []transfer.Outcome{held, held, held}) {
			t.Errorf("runs of %d, again: %v", n, got)
		}
	}
}

// A store that was opened and never written to is as good as none.
func TestImportIntoEmptyStore(t *testing.T) {
	b := newBoard(t)
	for _, target := range b.targets[:2] {
		s, err := store.Open(target.Path, target.Schema, store.Options{})
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text := boardJSON(t)
	b.mustLoad(t, text)
	if got := b.text(t); got != text {
		t.Errorf("the board holds\n%s", got)
	}
}

func TestImportRefusesForeignStore(t *testing.T) {
	b := newBoard(t)
	b.mustLoad(t, boardJSON(t))
	other := newBoard(t, "users", "threads")
	if err := os.Rename(b.path("users"), other.path("threads")); err != nil {
		t.Fatal(err)
	}
	if _, err := other.load(t, boardJSON(t)); !errors.Is(err, store.ErrForeign) {
		t.Errorf("a users store as threads: %v", err)
	}
	if got := other.files(t); !slices.Equal(got, []string{"threads/store.db"}) {
		t.Errorf("the folder has %v", got)
	}
}

// Whatever a part's file refers to is in another file.
func TestImportPart(t *testing.T) {
	part := `{"posts": [{"thread": 8, "text": "Hi", "user": 7}]}`
	results := newBoard(t, "posts").mustLoad(t, part)
	if got := results[0].Unchecked; !slices.Equal(got, []string{"threads", "users"}) {
		t.Errorf("unchecked are %v", got)
	}
	results = newBoard(t).mustLoad(t, `{"users": [{"id": 7, "username": "a", "name": "A"}], "posts": [{"thread": 8, "text": "Hi", "user": 7}]}`)
	if got := results[2].Unchecked; !slices.Equal(got, []string{"threads"}) || results[1].Outcome != absent {
		t.Errorf("results %+v", results)
	}

	// The rest of a whole file is read for what its own part refers to.
	results = newBoard(t, "posts").mustLoad(t, smaller)
	if results[0].Outcome != loaded || results[0].Unchecked != nil {
		t.Errorf("results %+v", results)
	}
	_, err := newBoard(t, "threads").load(t, part)
	if !errors.Is(err, transfer.ErrNoSection) || err.Error() != "board.json: the file has nothing for this service: it has no threads" {
		t.Errorf("a file of another service: %v", err)
	}
	_, err = newBoard(t).load(t, " {} ")
	if !errors.Is(err, transfer.ErrNoSection) || !strings.HasSuffix(err.Error(), "it has no users, no threads, no posts") {
		t.Errorf("a file of nothing: %v", err)
	}
}

// Sections may come in any order.
func TestImportPostsFirst(t *testing.T) {
	b := newBoard(t)
	b.mustLoad(t, `{"posts": [{"user": 7, "text": "Hi", "thread": 8}],
		"threads": [{"createdBy": 7, "title": "One", "id": 8}], "users": [{"id": 7, "username": "ada", "name": "Ada"}]}`)
	in, want := newBoard(t), b.text(t)
	in.mustLoad(t, smaller)
	if got := in.text(t); got != want {
		t.Errorf("the boards differ:\n%s\n%s", got, want)
	}
}

func TestImportTimes(t *testing.T) {
	b := newBoard(t, "users")
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, time.UTC)
	calls := 0
	_, err := transfer.Import(t.Context(), "board.json", strings.NewReader(boardJSON(t)), b.targets, transfer.Options{Now: func() time.Time {
		calls++
		return now
	}})
	if err != nil || calls != 1 {
		t.Errorf("the clock was asked %d times: %v", calls, err)
	}
}

// Whatever ends an import leaves nothing behind.
func TestImportCancelled(t *testing.T) {
	text := boardJSON(t)
	for _, at := range []int64{1, int64(len(text)) + 1} { // checking, loading
		b := newBoard(t)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := transfer.Import(ctx, "board.json", oneByOne{strings.NewReader(text)}, b.targets, transfer.Options{
			Progress: func(done, total int64) {
				if total != 2*int64(len(text)) {
					t.Errorf("the total is %d", total)
				}
				if done >= at {
					cancel()
				}
			},
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at %d: %v", at, err)
		}
		if got := b.files(t); len(got) > 0 {
			t.Errorf("cancelled at %d: the folder has %v", at, got)
		}
		cancel()
	}
}

// oneByOne reads in small pieces.
type oneByOne struct{ io.ReadSeeker }

func (o oneByOne) Read(p []byte) (int, error) { return o.ReadSeeker.Read(p[:min(len(p), 16)]) }

// What a killed run left is not in the way of the next.
func TestImportAfterKill(t *testing.T) {
	b := newBoard(t)
	for _, name := range []string{".import", ".import.new"} {
		if err := os.WriteFile(b.path("threads")+name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := boardJSON(t)
	b.mustLoad(t, text)
	// It may have died between putting the first store in place and the last.
	for _, service := range []string{"threads", "posts"} {
		if err := os.Remove(b.path(service)); err != nil {
			t.Fatal(err)
		}
		if got := b.mustLoad(t, text); got[0].Outcome != held || got[2].Outcome != loaded && service == "posts" {
			t.Errorf("results %+v", got)
		}
		if got := b.text(t); got != text {
			t.Errorf("the board holds\n%s", got)
		}
	}
	if got := b.files(t); len(got) != 3 {
		t.Errorf("the folder has %v", got)
	}
}

func TestImportThatCannotBePutInPlace(t *testing.T) {
	b := newBoard(t)
	text := boardJSON(t)
	block := b.path("threads")
	_, err := transfer.Import(t.Context(), "board.json", strings.NewReader(text), b.targets, transfer.Options{Progress: func(done, total int64) {
		if done == total {
			_ = os.Mkdir(block, 0o700)
		}
	}})
	if err == nil || !strings.HasSuffix(err.Error(), "(users is in place; import again to complete)") {
		t.Errorf("a folder in the way: %v", err)
	}
	if err := os.Remove(block); err != nil {
		t.Fatal(err)
	}
	if got := b.files(t); !slices.Equal(got, []string{"users/store.db"}) {
		t.Errorf("the folder has %v", got)
	}
	if got := outcomes(b.mustLoad(t, text)); !slices.Equal(got, []transfer.Outcome{held, loaded, loaded}) {
		t.Errorf("outcomes %v", got)
	}
}

// swapped is another file from the second reading on.
type swapped struct {
	io.ReadSeeker
	then    string
	started int
}

func (s *swapped) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		if s.started++; s.started == 2 {
			s.ReadSeeker = strings.NewReader(s.then)
		}
	}
	return s.ReadSeeker.Seek(offset, whence)
}

func TestImportOfFileThatChanges(t *testing.T) {
	text := boardJSON(t)
	b := newBoard(t)
	half, _, _ := strings.Cut(text, ",\n\n  \"posts\"")
	for name, then := range map[string]string{
		"a post":      strings.Replace(text, "Soup", "Stew", 1),
		"everything":  smaller,
		"nothing yet": "{}",
		"half of it":  half + "}",
	} {
		file := &swapped{ReadSeeker: strings.NewReader(text), then: then}
		if _, err := transfer.Import(t.Context(), "board.json", file, b.targets, transfer.Options{}); !errors.Is(err, transfer.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := b.files(t); len(got) > 0 {
		t.Errorf("the folder has %v", got)
	}
}

func TestImportOfPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	_, err = transfer.Import(t.Context(), "/dev/stdin", r, newBoard(t).targets, transfer.Options{})
	if err == nil || !strings.HasPrefix(err.Error(), "/dev/stdin is read twice, so it must be a regular file") {
		t.Errorf("a pipe: %v", err)
	}
}

func TestExportEnds(t *testing.T) {
	b := newBoard(t)
	b.mustLoad(t, boardJSON(t))
	sources := []transfer.Source{transfer.File(b.targets[0].Table, b.targets[0].Path, b.targets[0].Schema)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := transfer.Export(ctx, io.Discard, sources); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	full := errors.New("no room")
	if _, err := transfer.Export(t.Context(), failing{full}, sources); !errors.Is(err, full) {
		t.Errorf("a full disk: %v", err)
	}
	var out bytes.Buffer
	counts, err := transfer.Export(t.Context(), &out, sources)
	if err != nil || !slices.Equal(counts, []int64{4}) {
		t.Errorf("counts %v, %v", counts, err)
	}

	foreign := transfer.File(b.targets[1].Table, b.targets[0].Path, b.targets[1].Schema)
	if _, err := transfer.Export(t.Context(), io.Discard, []transfer.Source{foreign}); !errors.Is(err, store.ErrForeign) {
		t.Errorf("a users store as threads: %v", err)
	}
	newer := b.targets[0].Schema
	newer.Version = 0
	if _, err := transfer.Export(t.Context(), io.Discard, []transfer.Source{transfer.File(usersTable, b.targets[0].Path, newer)}); !errors.Is(err, store.ErrTooNew) {
		t.Errorf("a store that is too new: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
