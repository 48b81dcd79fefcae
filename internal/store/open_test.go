package store

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"go.etcd.io/bbolt"
)

func TestOpenCreatesAndCountsEpochs(t *testing.T) {
	path, now := newPath(t), newClock()
	s := openAt(t, path, testSchema, Options{Now: now.now})
	first, err := s.Info()
	if err != nil {
		t.Fatal(err)
	}
	if first.Service != "test" || first.Epoch != 1 || first.Sequence != 0 || first.Checksum != 0 ||
		first.SchemaVersion != 1 || first.MinReader != 1 || !first.OpenTime.Equal(now.now()) {
		t.Errorf("a new store says %+v", first)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(first.UUID) {
		t.Errorf("UUID = %q", first.UUID)
	}
	secret := string(s.PageSecret())
	if len(secret) != secretSize {
		t.Errorf("the page secret has %d bytes", len(secret))
	}
	mustChange(t, s, put("k", "v"))
	for epoch := uint64(2); epoch < 5; epoch++ {
		closeStore(t, s)
		peeked, err := Peek(path)
		if err != nil || peeked.Epoch != epoch-1 {
			t.Errorf("Peek = %+v, %v; want epoch %d, for looking is not serving", peeked, err, epoch-1)
		}
		s = openAt(t, path, testSchema, Options{Now: now.now})
		info, err := s.Info()
		if err != nil || info.Epoch != epoch || info.UUID != first.UUID || info.Sequence != 1 {
			t.Errorf("opened again: %+v, %v; want epoch %d of the same store", info, err, epoch)
		}
		if string(s.PageSecret()) != secret {
			t.Error("the page secret has changed")
		}
	}
	other, err := openNew(t, Options{}).Info()
	if err != nil || other.UUID == first.UUID {
		t.Errorf("another store: %+v, %v", other, err)
	}
}

func TestNowIsInMilliseconds(t *testing.T) {
	now := newClock()
	s := openNew(t, Options{Now: now.now})
	if got := s.Now().Format("15:04:05.999999999Z07:00"); got != "05:06:07.89Z" {
		t.Errorf("Now = %s", got)
	}
}

// writeBolt makes a bbolt file that no store made.
func writeBolt(path string, fill func(*bbolt.Tx) error) error {
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	return errors.Join(db.Update(fill), db.Close())
}

// refusals are files that no store may be served from.
var refusals = map[string]struct {
	make func(t *testing.T, path string) error
	want error
}{
	"missing": {func(*testing.T, string) error { return nil }, ErrMissing},
	"empty":   {func(_ *testing.T, path string) error { return os.WriteFile(path, nil, 0o600) }, ErrForeign},
	"text": {func(_ *testing.T, path string) error {
		return os.WriteFile(path, []byte(`{"users": []}`), 0o600)
	}, ErrDamaged},
	"zeros": {func(_ *testing.T, path string) error {
		return os.WriteFile(path, make([]byte, 1<<20), 0o600)
	}, ErrDamaged},
	"another program's": {func(_ *testing.T, path string) error {
		return writeBolt(path, func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("things"))
			return err
		})
	}, ErrForeign},
	"another program's with the same bucket": {func(_ *testing.T, path string) error {
		return writeBolt(path, func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket(metaBucket)
			return err
		})
	}, ErrForeign},
	"another service's": {func(t *testing.T, path string) error {
		other := testSchema
		other.Service = "other"
		return Build(t.Context(), path, other, Options{}, nil, func(*Builder) error { return nil })
	}, ErrForeign},
	"too new": {func(t *testing.T, path string) error {
		if err := Build(t.Context(), path, testSchema, Options{}, nil, func(*Builder) error { return nil }); err != nil {
			return err
		}
		return writeBolt(path, func(tx *bbolt.Tx) error {
			return errors.Join(tx.Bucket(metaBucket).Put(metaMinReader, be(2)), tx.Bucket(metaBucket).Put(metaSchema, be(2)))
		})
	}, ErrTooNew},
	"cut short": {func(t *testing.T, path string) error {
		s := openAt(t, newPath(t), testSchema, Options{})
		for range 20 {
			mustChange(t, s, manyRows)
		}
		if err := s.BackupTo(t.Context(), path); err != nil {
			return err
		}
		return os.Truncate(path, 3*int64(os.Getpagesize()))
	}, ErrDamaged},
}

func TestRefusedFilesAreLeftAlone(t *testing.T) {
	for name, c := range refusals {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			if err := c.make(t, path); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			for what, try := range map[string]func() error{
				"Open": func() error {
					s, err := Open(path, testSchema, Options{NeverCreate: true})
					if err == nil {
						closeStore(t, s)
					}
					return err
				},
				"Check": func() error {
					_, err := Check(path, testSchema)
					return err
				},
				"Migrate": func() error {
					_, _, err := Migrate(path, testSchema)
					return err
				},
			} {
				if err := try(); !errors.Is(err, c.want) {
					t.Errorf("%s = %v, want %v", what, err, c.want)
				}
			}
			after, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			if string(after) != string(before) {
				t.Error("the file was written to")
			}
			if left, err := filepath.Glob(path + "*"); err != nil || len(left) > 1 {
				t.Errorf("left behind: %q, %v", left, err)
			}
		})
	}
}

func TestOpenErrorsOfTheFileSystem(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir, testSchema, Options{}); err == nil {
		t.Error("a folder was opened")
	}
	if _, err := Open(filepath.Join(dir, "no", "store.db"), testSchema, Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in a missing folder Open = %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "store.db"), testSchema, Options{}); err == nil || errors.Is(err, ErrMissing) {
		t.Errorf("below a file Open = %v", err)
	}
}

func TestAStoreThatIsServedIsBusy(t *testing.T) {
	s := openNew(t, Options{})
	path := s.path
	for what, try := range map[string]func() error{
		"Open": func() error {
			_, err := Open(path, testSchema, Options{})
			return err
		},
		"Peek": func() error {
			_, err := Peek(path)
			return err
		},
		"Check": func() error {
			_, err := Check(path, testSchema)
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel() // each waits for the lock
			if err := try(); !errors.Is(err, ErrBusy) {
				t.Errorf("%s = %v, want ErrBusy", what, err)
			}
		})
	}
}
