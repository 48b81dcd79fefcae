package transfer_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/splitboard/splitboard/internal/transfer"
)

// longBoard is a file of many posts that stands nowhere.
type longBoard struct {
	posts int
	size  int64
	piece string // what is left of the one that is being read
	at    int
}

func newLongBoard(posts int) *longBoard {
	b := &longBoard{posts: posts}
	b.size, _ = io.Copy(io.Discard, b)
	return b
}

func (b *longBoard) Read(p []byte) (int, error) {
	for b.piece == "" {
		switch {
		case b.at == 0:
			b.piece = `{"posts": [`
		case b.at <= b.posts:
			// Threads come in any order.
			b.piece = fmt.Sprintf(`{"thread": %d, "text": "%d %s", "user": 1}`, 1+b.at*7919%1009, b.at, strings.Repeat("abcdefgh ", 200))
			if b.at < b.posts {
				b.piece += ","
			}
		case b.at == b.posts+1:
			b.piece = "]}"
		default:
			return 0, io.EOF
		}
		b.at++
	}
	n := copy(p, b.piece)
	b.piece = b.piece[n:]
	return n, nil
}

func (b *longBoard) Seek(_ int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return b.size, nil
	}
	b.piece, b.at = "", 0
	return 0, nil
}

// The heap does not grow with the file: what lives while four times as much is imported,
// or exported, is about the same.
func TestMemory(t *testing.T) {
	few, many := peak(t, 5_000), peak(t, 20_000)
	const slack = 8 << 20
	if many > few+few/4+slack {
		t.Errorf("at most %d MiB live with 5,000 posts, and %d MiB with 20,000", few>>20, many>>20)
	}
	if file := uint64(newLongBoard(20_000).size); many > file/2 {
		t.Errorf("at most %d MiB live for a file of %d MiB", many>>20, file>>20)
	}
}

// peak imports posts and exports them, and gives the most bytes that lived meanwhile.
func peak(t *testing.T, posts int) (most uint64) {
	t.Helper()
	b := newBoard(t, "posts")
	var last int64
	measure := func(done int64) {
		if done-last < 2<<20 {
			return
		}
		last = done
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	}
	results, err := transfer.Import(t.Context(), "long.json", newLongBoard(posts), b.targets,
		transfer.Options{Progress: func(done, _ int64) { measure(done) }})
	if err != nil || results[0].Records != int64(posts) {
		t.Fatal(results, err)
	}
	b.check(t)
	last = 0
	source := transfer.File(b.targets[0].Table, b.targets[0].Path, b.targets[0].Schema)
	counts, err := transfer.Export(t.Context(), &counting{each: measure}, []transfer.Source{source})
	if err != nil || counts[0] != int64(posts) {
		t.Fatal(counts, err)
	}
	return most
}

// counting tells how many bytes were written.
type counting struct {
	n    int64
	each func(int64)
}

func (c *counting) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	c.each(c.n)
	return len(p), nil
}
