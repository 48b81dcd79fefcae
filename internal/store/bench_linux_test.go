package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The benchmarks' rows are as the posts service has them: each by its id, with a copy
// among those of one owner and an entry among those of another.
var (
	copiesBucket  = []byte("copies")
	entriesBucket = []byte("entries")
)

var benchSchema = Schema{
	Service: "bench",
	Version: 1,
	Buckets: []Bucket{
		{Name: itemsBucket, Since: 1, Appended: true},
		{Name: copiesBucket, Since: 1},
		{Name: entriesBucket, Since: 1},
	},
}

const (
	benchRows   = 100_000
	benchOwners = 1000
	benchValue  = 200 // bytes
)

// create adds one row in three buckets.
func create(tx *Tx, value []byte) (int64, error) {
	id, err := tx.NextID(itemsBucket)
	if err != nil {
		return 0, err
	}
	key := be(uint64(id))
	if err := tx.Put(itemsBucket, key, value); err != nil {
		return 0, err
	}
	if err := tx.Put(copiesBucket, append(be(rand.Uint64N(benchOwners)), key...), value); err != nil {
		return 0, err
	}
	return id, tx.Put(entriesBucket, append(be(rand.Uint64N(benchOwners)), key...), nil)
}

func openBench(b *testing.B) *Store {
	b.Helper()
	path := newPath(b)
	value := make([]byte, benchValue)
	if err := Build(b.Context(), path, benchSchema, Options{}, nil, func(builder *Builder) error {
		for range benchRows {
			if err := builder.Change(func(tx *Tx) error {
				_, err := create(tx, value)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	return openAt(b, path, benchSchema, Options{})
}

// fdatasyncRate measures how often a second the disk under the store takes a page.
func fdatasyncRate(b *testing.B, s *Store) float64 {
	b.Helper()
	f, err := os.Create(filepath.Join(filepath.Dir(s.path), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, os.Getpagesize())
	const pages = 64
	for i := range pages {
		if _, err := f.WriteAt(page, int64(i*len(page))); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	start, n := time.Now(), 0
	for ; time.Since(start) < 300*time.Millisecond; n++ {
		if _, err := f.WriteAt(page, int64(n%pages*len(page))); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(start).Seconds()
}

// processorTime gives what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// write makes b.N changes from so many writers at once, and reports their rate and cost.
func write(b *testing.B, s *Store, writers int) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	used := processorTime(b)
	defer func() {
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
		b.ReportMetric(float64((processorTime(b)-used).Microseconds())/float64(b.N), "cpu-µs/change")
	}()
	request := wrapperspb.Bytes(make([]byte, benchValue))
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := Mutate(b.Context(), s, "/bench/Create", request, func(tx *Tx) (*wrapperspb.Int64Value, error) {
					id, err := create(tx, request.GetValue())
					return wrapperspb.Int64(id), err
				}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkMutate makes durable changes of three rows each, beside what the disk does
// by itself in the same minute.
func BenchmarkMutate(b *testing.B) {
	for _, writers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := openBench(b)
			var commits int
			s.commit = func(tx *bbolt.Tx) error {
				commits++
				return tx.Commit()
			}
			before := fdatasyncRate(b, s)
			write(b, s, writers)
			b.ReportMetric(float64(b.N)/float64(commits), "changes/commit")
			b.ReportMetric((before+fdatasyncRate(b, s))/2, "disk-fdatasync/s")
		})
	}
}

// BenchmarkMutateWithoutSync leaves the disk out: what remains is the processor's.
func BenchmarkMutateWithoutSync(b *testing.B) {
	s := openBench(b)
	s.file.db.NoSync = true
	write(b, s, 64)
}

func BenchmarkView(b *testing.B) {
	s := openBench(b)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key := be(rand.Uint64N(benchRows) + 1)
			if err := s.View(func(tx *bbolt.Tx) error {
				if len(tx.Bucket(itemsBucket).Get(key)) != benchValue {
					b.Error("a row is not there")
				}
				return nil
			}); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkGate is what a read pays so that its file may be closed.
func BenchmarkGate(b *testing.B) {
	g := newGate()
	g.unbar()
	g.open()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if g.enter() {
				g.leave()
			}
		}
	})
}
