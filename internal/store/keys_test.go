package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// A counter creates a row at each run and answers with its number.
type counter struct{ runs int }

func (c *counter) create(ctx context.Context, s *Store, method, request string) (string, error) {
	answer, err := Mutate(ctx, s, method, wrapperspb.String(request), func(tx *Tx) (*wrapperspb.StringValue, error) {
		c.runs++
		if request == "bad" {
			return nil, errors.Join(put("trace", "v")(tx), errRefused)
		}
		return wrapperspb.String(fmt.Sprint(request, " ", c.runs)), addItem(tx)
	})
	return answer.GetValue(), err
}

// rememberedKeys gives the keys that the store has, oldest expiry first.
func rememberedKeys(tb testing.TB, s *Store) (keys []string) {
	tb.Helper()
	if err := s.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(keysByExpiryBucket).ForEach(func(k, _ []byte) error {
			keys = append(keys, string(k[8:]))
			return nil
		})
	}); err != nil {
		tb.Fatal(err)
	}
	return keys
}

func TestAKeyGivesTheFirstAnswerAgain(t *testing.T) {
	path, now := newPath(t), newClock()
	s := openAt(t, path, testSchema, Options{Now: now.now})
	commits := countCommits(s)
	var c counter
	ctx := WithIdempotencyKey(t.Context(), "key")
	for i := range 3 {
		if answer, err := c.create(ctx, s, "/a", "x"); answer != "x 1" || err != nil {
			t.Errorf("time %d: %q, %v; want the first answer", i, answer, err)
		}
	}
	if c.runs != 1 || s.Sequence() != 1 || len(commits()) != 1 {
		t.Errorf("%d runs, sequence %d, %d commits; want 1 of each", c.runs, s.Sequence(), len(commits()))
	}
	now.advance(KeyLifetime - 1)
	closeStore(t, s)
	s = openAt(t, path, testSchema, Options{Now: now.now})
	if answer, err := c.create(ctx, s, "/a", "x"); answer != "x 1" || err != nil || c.runs != 1 {
		t.Errorf("in its last nanosecond and after reopening: %q, %v, %d runs", answer, err, c.runs)
	}
}

func TestAKeyBelongsToItsRequest(t *testing.T) {
	s := openNew(t, Options{})
	var c counter
	ctx := WithIdempotencyKey(t.Context(), "key")
	if _, err := c.create(ctx, s, "/a", "x"); err != nil {
		t.Fatal(err)
	}
	before := dump(t, s)
	for _, r := range [][2]string{{"/a", "y"}, {"/b", "x"}, {"/a", ""}, {"", "x"}} {
		if answer, err := c.create(ctx, s, r[0], r[1]); !errors.Is(err, ErrKeyReused) {
			t.Errorf("%q with %q: %q, %v; want ErrKeyReused", r[0], r[1], answer, err)
		}
	}
	if c.runs != 1 {
		t.Errorf("%d runs, want 1", c.runs)
	}
	wantDump(t, dump(t, s), before)
	// Other keys, among them one that the key begins with, are others.
	for i, key := range []string{"ke", "key2", "KEY", "\x7f"} {
		if answer, err := c.create(WithIdempotencyKey(t.Context(), key), s, "/a", "x"); err != nil || answer != fmt.Sprint("x ", i+2) {
			t.Errorf("key %q: %q, %v", key, answer, err)
		}
	}
	if answer, err := c.create(t.Context(), s, "/a", "x"); err != nil || answer != "x 6" {
		t.Errorf("no key: %q, %v", answer, err)
	}
}

func TestAFailureIsNotRemembered(t *testing.T) {
	s := openNew(t, Options{})
	var c counter
	ctx := WithIdempotencyKey(t.Context(), "key")
	before := dump(t, s)
	for range 2 {
		if _, err := c.create(ctx, s, "/a", "bad"); !errors.Is(err, errRefused) {
			t.Errorf("Mutate = %v", err)
		}
	}
	if c.runs != 2 {
		t.Errorf("%d runs, want 2", c.runs)
	}
	wantDump(t, dump(t, s), before)
	if answer, err := c.create(ctx, s, "/a", "good"); answer != "good 3" || err != nil {
		t.Errorf("the key's first success: %q, %v", answer, err)
	}
}

func TestOneKeyTwiceInABatch(t *testing.T) {
	s := openNew(t, Options{})
	commits := countCommits(s)
	var c counter
	ctx := WithIdempotencyKey(t.Context(), "key")
	h := hold(t, s)
	for _, r := range []struct {
		request, answer string
		err             error
	}{
		{"bad", "", errRefused}, // not remembered, so the key is still free
		{"x", "x 2", nil},
		{"x", "x 2", nil},
		{"bad", "", ErrKeyReused},
		{"x", "x 2", nil},
	} {
		h.start(func() {
			if answer, err := c.create(ctx, s, "/a", r.request); answer != r.answer || !errors.Is(err, r.err) {
				t.Errorf("%q, %v; want %q, %v", answer, err, r.answer, r.err)
			}
		})
	}
	h.letGo()
	if c.runs != 2 || !slices.Equal(commits(), []int{1}) {
		t.Errorf("%d runs, commits of %v changes; want 2 and one of 1", c.runs, commits())
	}
}

func TestAnExpiredKeyIsFreeBeforeItIsSwept(t *testing.T) {
	now := newClock()
	s := openNew(t, Options{Now: now.now})
	var c counter
	ctx := WithIdempotencyKey(t.Context(), "key")
	if _, err := c.create(ctx, s, "/a", "x"); err != nil {
		t.Fatal(err)
	}
	now.advance(KeyLifetime)
	if answer, found, err := Answered[*wrapperspb.StringValue](ctx, s, "/a", wrapperspb.String("x")); found || err != nil {
		t.Errorf("Answered = %v, %t, %v", answer, found, err)
	}
	if answer, err := c.create(ctx, s, "/b", "y"); answer != "y 2" || err != nil {
		t.Errorf("the key's second life: %q, %v", answer, err)
	}
	if answer, err := c.create(ctx, s, "/b", "y"); answer != "y 2" || err != nil {
		t.Errorf("the key's second life, again: %q, %v", answer, err)
	}
	if keys := rememberedKeys(t, s); !slices.Equal(keys, []string{"key"}) {
		t.Errorf("the keys are %q", keys)
	}
}

func TestKeysAreSweptOldestFirstALittleAtATime(t *testing.T) {
	now := newClock()
	s := openNew(t, Options{Now: now.now})
	var c counter
	// The names run against the order of expiry.
	for i := range 7 {
		if _, err := c.create(WithIdempotencyKey(t.Context(), fmt.Sprint("key", 9-i)), s, "/a", "x"); err != nil {
			t.Fatal(err)
		}
		now.advance(time.Hour)
	}
	now.advance(KeyLifetime - 3*time.Hour) // the first four and, to the nanosecond, the fifth
	mustChange(t, s, put("k", "1"))
	if keys := rememberedKeys(t, s); !slices.Equal(keys, []string{"key7", "key6", "key5", "key4", "key3"}) {
		t.Errorf("after one change the keys are %q", keys)
	}
	// A change that writes nothing sweeps nothing.
	mustChange(t, s, func(*Tx) error { return nil })
	if keys := rememberedKeys(t, s); len(keys) != 5 {
		t.Errorf("after a read the keys are %q", keys)
	}
	mustChange(t, s, put("k", "2"))
	mustChange(t, s, put("k", "3"))
	if keys := rememberedKeys(t, s); !slices.Equal(keys, []string{"key4", "key3"}) {
		t.Errorf("after three changes the keys are %q", keys)
	}
	// Time that goes backwards keeps keys longer, and loses none.
	now.advance(-1000 * time.Hour)
	if answer, err := c.create(WithIdempotencyKey(t.Context(), "key3"), s, "/a", "x"); answer != "x 7" || err != nil {
		t.Errorf("the newest key: %q, %v", answer, err)
	}
}

func TestAnswered(t *testing.T) {
	s := openNew(t, Options{})
	var c counter
	ctx := WithIdempotencyKey(t.Context(), "key")
	want := func(ctx context.Context, method, request, wantAnswer string, wantErr error) {
		t.Helper()
		answer, found, err := Answered[*wrapperspb.StringValue](ctx, s, method, wrapperspb.String(request))
		if answer.GetValue() != wantAnswer || found != (wantAnswer != "") || !errors.Is(err, wantErr) {
			t.Errorf("Answered(%s, %s) = %q, %t, %v; want %q, %v", method, request, answer.GetValue(), found, err, wantAnswer, wantErr)
		}
	}
	want(ctx, "/a", "x", "", nil)
	if _, err := c.create(ctx, s, "/a", "x"); err != nil {
		t.Fatal(err)
	}
	want(ctx, "/a", "x", "x 1", nil)
	want(ctx, "/a", "y", "", ErrKeyReused)
	want(ctx, "/b", "x", "", ErrKeyReused)
	want(t.Context(), "/a", "x", "", nil)
	want(WithIdempotencyKey(t.Context(), "other"), "/a", "x", "", nil)
	closeStore(t, s)
	want(ctx, "/a", "x", "", ErrClosed)
}

func TestARetryKeyIsKeptAMinute(t *testing.T) {
	path, now := newPath(t), newClock()
	s := openAt(t, path, testSchema, Options{Now: now.now})
	var c counter
	ctx := WithRetryKey(t.Context(), []byte("key"))
	for i := range 2 {
		if answer, err := c.create(ctx, s, "/a", "x"); answer != "x 1" || err != nil {
			t.Errorf("time %d: %q, %v; want the first answer", i, answer, err)
		}
	}
	now.advance(RetryKeyLifetime - 1)
	closeStore(t, s) // as when another process takes over
	reopen(t, s)
	if answer, err := c.create(ctx, s, "/a", "x"); answer != "x 1" || err != nil {
		t.Errorf("in its last nanosecond: %q, %v", answer, err)
	}
	if answer, found, err := Answered[*wrapperspb.StringValue](ctx, s, "/a", wrapperspb.String("x")); answer.GetValue() != "x 1" || !found || err != nil {
		t.Errorf("Answered = %v, %t, %v", answer, found, err)
	}
	now.advance(1)
	if answer, err := c.create(ctx, s, "/a", "x"); answer != "x 2" || err != nil {
		t.Errorf("after its time: %q, %v", answer, err)
	}
	now.advance(RetryKeyLifetime)
	mustChange(t, s, put("k", "v"))
	if keys := rememberedKeys(t, s); len(keys) != 0 {
		t.Errorf("the keys %q have not been swept", keys)
	}
}

// Forwarders' keys and clients' keys never meet, and a client's goes first.
func TestRetryKeysAndClientsKeys(t *testing.T) {
	s := openNew(t, Options{})
	var c counter
	create := func(ctx context.Context, want string) {
		t.Helper()
		if answer, err := c.create(ctx, s, "/a", "x"); answer != want || err != nil {
			t.Errorf("%q, %v; want %q", answer, err, want)
		}
	}
	client := func(key string) context.Context { return WithIdempotencyKey(t.Context(), key) }
	create(client("key"), "x 1")
	create(WithRetryKey(t.Context(), []byte("key")), "x 2")
	create(WithRetryKey(client("key"), []byte("other")), "x 1")
	create(WithIdempotencyKey(WithRetryKey(t.Context(), []byte("other")), "key"), "x 1")
	create(WithRetryKey(t.Context(), []byte("other")), "x 3") // it had not been used
	create(WithRetryKey(t.Context(), nil), "x 4")             // even none at all is no client's
	if keys := rememberedKeys(t, s); !slices.Equal(keys, []string{"\x00key", "\x00other", "\x00", "key"}) {
		t.Errorf("the keys are %q", keys)
	}
}

func TestAnswersFromKeysAreCounted(t *testing.T) {
	s := openNew(t, Options{})
	var c counter
	ctx := WithIdempotencyKey(t.Context(), "key")
	want := func(n uint64) {
		t.Helper()
		if got := s.AnswersFromKeys(); got != n {
			t.Errorf("AnswersFromKeys = %d, want %d", got, n)
		}
	}
	for i := range uint64(3) {
		if _, err := c.create(ctx, s, "/a", "x"); err != nil {
			t.Fatal(err)
		}
		want(i) // the first one ran
	}
	if _, err := c.create(ctx, s, "/a", "y"); !errors.Is(err, ErrKeyReused) {
		t.Errorf("Mutate = %v", err)
	}
	if _, _, err := Answered[*wrapperspb.StringValue](ctx, s, "/a", wrapperspb.String("y")); !errors.Is(err, ErrKeyReused) {
		t.Errorf("Answered = %v", err)
	}
	mustChange(t, s, put("no", "key"))
	want(2)
	if _, _, err := Answered[*wrapperspb.StringValue](ctx, s, "/a", wrapperspb.String("x")); err != nil {
		t.Fatal(err)
	}
	want(3)
	closeStore(t, s)
	want(3)
	reopen(t, s)
	if _, err := c.create(ctx, s, "/a", "x"); err != nil {
		t.Fatal(err)
	}
	want(4)
}
