package drills

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

var (
	handoffs = flag.Int("handoffs", 6, "how often TestHandoffs moves a store")
	gigabyte = flag.Bool("gigabyte", false, "have TestHandoffs begin with a gigabyte of posts")
)

const (
	// dueRate is how many requests are due in a second in TestHandoffs, and minRate is
	// how many must be answered when it is long.
	dueRate = 1200
	minRate = 1000
	// longHandoffs are enough of them to go by the rate.
	longHandoffs = 50
	// apart is how many requests end between two handoffs: those of an eighth of a
	// second.
	apart = dueRate / 8
)

// TestHandoffs hands stores to and fro between the monolith and the services, while
// clients enter through all of them.
func TestHandoffs(t *testing.T) {
	b := newBoard(t, plain)
	if *gigabyte {
		b.fill(t, 1<<30)
	}
	monolith := b.start(t, "the monolith", cast.Monolith)
	own := b.startServices(t, monolith)
	c := load.Default()
	c.Rate = dueRate
	a := ask(t, c, newEntry(monolith, own[load.Users], monolith, own[load.Threads], monolith, own[load.Posts]))
	epochs := map[string]uint64{}
	var moves spread
	for n := range *handoffs {
		a.more(t, apart)
		service := services[n%len(services)]
		to := []string{"service", "monolith"}[n/len(services)%2]
		m := b.handoff(t, service, to)
		if last, moved := epochs[service]; moved && m.Epoch != last+1 {
			t.Errorf("handoff %d moved %s to epoch %d, after %d", n, service, m.Epoch, last)
		}
		epochs[service] = m.Epoch
		moves = append(moves, time.Duration(m.Took))
	}
	a.more(t, apart)
	held := b.holds(t)
	o := b.end(t, a)
	o.wantServed(t)
	b.wantEntered(t, &o)
	slices.Sort(moves)
	t.Logf("handoffs took %s; requests were held for %s", moves, held)
	if len(held) == 0 || held[len(held)-1] > maxHold {
		t.Errorf("no request was held, or one for over %s", maxHold)
	}
	if rate := a.rate(); *handoffs >= longHandoffs && rate < minRate {
		t.Errorf("%.0f requests a second were answered, want %d", rate, minRate)
	}
}

// fill makes posts, for a store of at least so many bytes.
func (b *board) fill(t *testing.T, size int) {
	t.Helper()
	path := filepath.Join(b.folder, "posts.json")
	// A post takes more than twice its text.
	if err := writePosts(path, size/2); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	out, err := exec.CommandContext(t.Context(), b.programs.Path(cast.Monolith), "import", "--data", b.data, path).CombinedOutput()
	if err != nil {
		t.Fatalf("importing: %v\n%s", err, out)
	}
	stored, err := os.Stat(filepath.Join(b.data, load.Posts, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	if stored.Size() < int64(size) {
		t.Fatalf("the store has %d bytes, want %d", stored.Size(), size)
	}
	t.Logf("imported %d MiB in %s", stored.Size()>>20, brief(time.Since(began)))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	b.before = b.read(t)
}

// writePosts writes a file that import takes.
func writePosts(path string, size int) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	// What it returns, Flush returns again.
	_, _ = w.WriteString(`{"users": [{"id": 1, "username": "writer", "name": "Writer"}],` + "\n" +
		`"threads": [{"id": 1, "title": "Long", "createdBy": 1}],` + "\n" + `"posts": [`)
	const textSize = 8 << 10
	text := strings.Repeat("0123456789abcdef", textSize/16)
	for id := 1; id <= size/textSize+1; id++ {
		if id > 1 {
			_, _ = w.WriteString(",\n")
		}
		_, _ = fmt.Fprintf(w, `{"id": %d, "thread": 1, "user": 1, "text": "%d %s"}`, id, id, text)
	}
	_, _ = w.WriteString("]}\n")
	return w.Flush()
}
