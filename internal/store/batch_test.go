package store

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func TestWaitingChangesShareACommit(t *testing.T) {
	s := openNew(t, Options{})
	commits := countCommits(s)
	const n = 300
	h := hold(t, s)
	for i := range n {
		h.start(func() {
			if err := do(t.Context(), s, put(fmt.Sprint("k", i), "v")); err != nil {
				t.Error(err)
			}
		})
	}
	h.letGo()
	if got := commits(); !slices.Equal(got, []int{n}) {
		t.Errorf("commits of %v changes, want one of %d", got, n)
	}
	if got := s.Sequence(); got != n {
		t.Errorf("Sequence = %d, want %d", got, n)
	}
}

// While one batch commits, the next one gathers.
func TestChangesGatherDuringACommit(t *testing.T) {
	s := openNew(t, Options{})
	sizes := countCommits(s)
	count := s.commit
	committing, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.commit = func(tx *bbolt.Tx) error {
		once.Do(func() {
			close(committing)
			<-release
		})
		return count(tx)
	}
	var all sync.WaitGroup
	all.Go(func() {
		if err := do(t.Context(), s, put("first", "v")); err != nil {
			t.Error(err)
		}
	})
	<-committing
	const n = 50
	for i := range n {
		all.Go(func() {
			if err := do(t.Context(), s, put(fmt.Sprint("k", i), "v")); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, func() bool { return len(s.file.queue) == n })
	// Readers do not wait for a commit, and do not see what it has not made durable.
	wantNoRow(t, s, "first")
	close(release)
	all.Wait()
	if got := sizes(); !slices.Equal(got, []int{1, n}) {
		t.Errorf("commits of %v changes, want 1 and %d", got, n)
	}
}

func TestABatchIsBoundedInNumber(t *testing.T) {
	s := openNew(t, Options{})
	sizes := countCommits(s)
	const extra = 500
	h := hold(t, s)
	for i := range maxBatchChanges + extra {
		run := func() {
			if err := do(t.Context(), s, put(fmt.Sprint("k", i), "v")); err != nil {
				t.Error(err)
			}
		}
		if i < maxBatchChanges {
			h.start(run)
		} else {
			h.started.Go(run) // the queue is full: these wait for room in it
		}
	}
	h.letGo()
	got := sizes()
	sum := 0
	for _, n := range got {
		sum += n
	}
	if sum != maxBatchChanges+extra || slices.Max(got) != maxBatchChanges {
		t.Errorf("commits of %v changes, want %d in all and at most %d", got, maxBatchChanges+extra, maxBatchChanges)
	}
}

func TestABatchIsBoundedInBytes(t *testing.T) {
	s := openNew(t, Options{})
	sizes := countCommits(s)
	h := hold(t, s)
	request := func(size int) {
		h.start(func() {
			_, err := Mutate(t.Context(), s, "/test/Fill", wrapperspb.Bytes(make([]byte, size)),
				func(tx *Tx) (*emptypb.Empty, error) {
					return &emptypb.Empty{}, tx.Put(rowsBucket, be(tx.Sequence()), nil)
				})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range 6 {
		request(maxBatchBytes / 4)
	}
	request(3 * maxBatchBytes) // fills a batch by itself, and is none too large
	request(0)
	h.letGo()
	if got := sizes(); !slices.Equal(got, []int{4, 3, 1}) {
		t.Errorf("commits of %v changes, want 4, 3 and 1", got)
	}
}

func TestConcurrentChangesAreEachRunOnce(t *testing.T) {
	s := openNew(t, Options{})
	commits := countCommits(s)
	const writers, each = 64, 25
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				var id int64
				err := do(t.Context(), s, func(tx *Tx) (err error) {
					if id, err = tx.NextID(itemsBucket); err != nil {
						return err
					}
					if (w+i)%3 == 0 {
						return errRefused
					}
					return tx.Put(itemsBucket, be(uint64(id)), fmt.Append(nil, w, " ", i))
				})
				if (err != nil) != ((w+i)%3 == 0) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	good := 0
	for w := range writers {
		for i := range each {
			if (w+i)%3 != 0 {
				good++
			}
		}
	}
	seen := make(map[string]bool)
	if err := s.View(func(tx *bbolt.Tx) error {
		last := uint64(0)
		return tx.Bucket(itemsBucket).ForEach(func(k, v []byte) error {
			if id := number(k); id != last+1 {
				t.Errorf("id %d follows %d: a failed change has kept its id", id, last)
			}
			last = number(k)
			seen[string(v)] = true
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != good || s.Sequence() != uint64(good) {
		t.Errorf("%d changes are there and the sequence is %d, want %d of both", len(seen), s.Sequence(), good)
	}
	if got := len(commits()); got > good {
		t.Errorf("%d commits for %d changes", got, good)
	}
}
