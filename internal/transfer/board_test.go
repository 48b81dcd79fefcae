package transfer_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/fields"
	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/transfer"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// The board of these tests has services that keep rows by id and, for posts, an index by
// thread. What the real ones do with their rows is tested with them.

var (
	rows    = []byte("rows")
	byOwner = []byte("rows_by_owner")
)

func key(ids ...int64) []byte {
	var b []byte
	for _, id := range ids {
		b = binary.BigEndian.AppendUint64(b, uint64(id))
	}
	return b
}

// schema gives a service's schema. Its check wants an entry by owner for every row, if
// the service has that index.
func schema(service string, indexed bool) store.Schema {
	return store.Schema{
		Service: service, Version: 1,
		Buckets: []store.Bucket{{Name: rows, Since: 1, Appended: true}, {Name: byOwner, Since: 1}},
		Check: func(tx *bbolt.Tx, report func(string, ...any)) error {
			want := 0
			if indexed {
				want = tx.Bucket(rows).Stats().KeyN
			}
			if got := tx.Bucket(byOwner).Stats().KeyN; got != want {
				report("%d entries by owner, want %d", got, want)
			}
			return nil
		},
	}
}

// put stores a record.
func put(tx *store.Tx, id int64, record proto.Message, now *timestamppb.Timestamp) error {
	if now.AsTime().Nanosecond()%int(time.Millisecond) != 0 {
		return errors.New("the time is finer than a millisecond")
	}
	value, err := proto.Marshal(record)
	if err != nil {
		return err
	}
	if err := tx.SetNextID(rows, id); err != nil {
		return err
	}
	return tx.Put(rows, key(id), value)
}

// scan visits the rows as messages of T.
func scan[T any, P interface {
	*T
	proto.Message
}](tx *bbolt.Tx, visit func(*T) error) error {
	return tx.Bucket(rows).ForEach(func(_, value []byte) error {
		record := new(T)
		if err := proto.Unmarshal(value, P(record)); err != nil {
			return err
		}
		return visit(record)
	})
}

var usersTable = transfer.NewTable(transfer.Codec[usersv1.User]{
	Section: "users",
	Columns: func(u *usersv1.User) []transfer.Column {
		return []transfer.Column{
			transfer.ID(&u.Id), transfer.Text("username", &u.Username), transfer.Text("name", &u.Name), transfer.Text("bio", &u.Bio),
		}
	},
	Validate: func(u *usersv1.User) error {
		var v fields.Violations
		v.Line("username", u.GetUsername(), 1, 32)
		v.Line("name", u.GetName(), 1, 100)
		return v.Err()
	},
	Insert: func(tx *store.Tx, u *usersv1.User, now *timestamppb.Timestamp) error {
		err := tx.Bucket(rows).ForEach(func(_, value []byte) error {
			var v fields.Violations
			var other usersv1.User
			if err := proto.Unmarshal(value, &other); err != nil {
				return err
			}
			if strings.EqualFold(other.GetUsername(), u.GetUsername()) {
				v.Add("username", "user %d has it", other.GetId())
			}
			return v.Err()
		})
		if err != nil {
			return err
		}
		return put(tx, u.GetId(), u, now)
	},
	Scan: scan[usersv1.User],
})

var threadsTable = transfer.NewTable(transfer.Codec[threadsv1.Thread]{
	Section: "threads",
	Columns: func(t *threadsv1.Thread) []transfer.Column {
		return []transfer.Column{
			transfer.ID(&t.Id), transfer.Text("title", &t.Title), transfer.Ref("createdBy", "users", &t.CreatedBy),
		}
	},
	Validate: func(*threadsv1.Thread) error { return nil },
	Insert: func(tx *store.Tx, t *threadsv1.Thread, now *timestamppb.Timestamp) error {
		return put(tx, t.GetId(), t, now)
	},
	Scan: scan[threadsv1.Thread],
})

var postsTable = transfer.NewTable(transfer.Codec[postsv1.Post]{
	Section: "posts",
	Columns: func(p *postsv1.Post) []transfer.Column {
		return []transfer.Column{
			transfer.Ref("thread", "threads", &p.Thread), transfer.Text("text", &p.Text),
			transfer.Ref("user", "users", &p.User), transfer.Place(&p.Id),
		}
	},
	Validate: func(p *postsv1.Post) error {
		var v fields.Violations
		v.Text("text", p.GetText(), 1, 10_000)
		return v.Err()
	},
	Insert: func(tx *store.Tx, p *postsv1.Post, now *timestamppb.Timestamp) error {
		return put(tx, p.GetId(), p, now)
	},
	Indexes: []transfer.Index{{Column: "thread", Put: func(tx *store.Tx, thread, id int64) error {
		return tx.Put(byOwner, key(thread, id), bytes.Clone(tx.Get(rows, key(id))))
	}}},
	Scan: scan[postsv1.Post],
})

// A board is a data folder.
type board struct {
	dir     string
	targets []transfer.Target
}

// newBoard gives an empty data folder for the named services, or for all.
func newBoard(tb testing.TB, services ...string) *board {
	tb.Helper()
	b := &board{dir: tb.TempDir()}
	for _, target := range targetsIn(b.dir) {
		if len(services) > 0 && !slices.Contains(services, target.Table.Section()) {
			continue
		}
		if err := os.Mkdir(filepath.Dir(target.Path), 0o700); err != nil {
			tb.Fatal(err)
		}
		b.targets = append(b.targets, target)
	}
	return b
}

// targetsIn gives the stores of all services.
func targetsIn(dir string) []transfer.Target {
	var targets []transfer.Target
	for _, table := range []transfer.Table{usersTable, threadsTable, postsTable} {
		name := table.Section()
		targets = append(targets, transfer.Target{
			Table: table, Schema: schema(name, name == "posts"), Path: filepath.Join(dir, name, "store.db"),
		})
	}
	return targets
}

// load imports a file's text.
func (b *board) load(tb testing.TB, text string) ([]transfer.Result, error) {
	tb.Helper()
	return transfer.Import(tb.Context(), "board.json", strings.NewReader(text), b.targets, transfer.Options{})
}

func (b *board) mustLoad(tb testing.TB, text string) []transfer.Result {
	tb.Helper()
	results, err := b.load(tb, text)
	if err != nil {
		tb.Fatal(err)
	}
	return results
}

// text exports the stores that the board has.
func (b *board) text(tb testing.TB) string {
	tb.Helper()
	var sources []transfer.Source
	for _, t := range b.targets {
		if _, err := os.Stat(t.Path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		sources = append(sources, transfer.File(t.Table, t.Path, t.Schema))
	}
	var out strings.Builder
	if _, err := transfer.Export(tb.Context(), &out, sources); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

// files gives the names of the files in the data folder.
func (b *board) files(tb testing.TB) []string {
	tb.Helper()
	names := []string{}
	err := filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(b.dir, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return names
}

// check reports what is wrong with the board's stores.
func (b *board) check(tb testing.TB) {
	tb.Helper()
	for _, t := range b.targets {
		problems, err := store.Check(t.Path, t.Schema)
		if err != nil && !errors.Is(err, store.ErrMissing) {
			tb.Errorf("%s: %v", t.Schema.Service, err)
		}
		for _, p := range problems {
			tb.Errorf("%s: %s", t.Schema.Service, p)
		}
	}
}

// path gives the file of a service's store.
func (b *board) path(service string) string { return filepath.Join(b.dir, service, "store.db") }

// write changes a service's store as serving it does.
func (b *board) write(tb testing.TB, service string) {
	tb.Helper()
	for _, t := range b.targets {
		if t.Table.Section() != service {
			continue
		}
		s, err := store.Open(t.Path, t.Schema, store.Options{})
		if err != nil {
			tb.Fatal(err)
		}
		_, err = store.Mutate(tb.Context(), s, "Delete", new(postsv1.Post), func(tx *store.Tx) (*postsv1.Post, error) {
			return new(postsv1.Post), tx.Put([]byte("rows"), key(1000), nil)
		})
		if err := errors.Join(err, s.Close()); err != nil {
			tb.Fatal(err)
		}
	}
}

// outcomes gives what became of each store.
func outcomes(results []transfer.Result) []transfer.Outcome {
	var list []transfer.Outcome
	for _, r := range results {
		list = append(list, r.Outcome)
	}
	return list
}
