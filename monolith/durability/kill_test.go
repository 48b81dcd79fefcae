package durability

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

var kills = flag.Int("kills", 3, "how often TestKill kills the board")

const writers = 32

// A board is a process, its folder and what it is written to.
type board struct {
	process      *process
	data         string
	user, thread int64

	writes []*write // of all rounds
}

func startBoard(t *testing.T, p *process) *board {
	t.Helper()
	b := &board{process: p, data: t.TempDir()}
	p.args = append(p.args, "--data", b.data, "--seed", "none")
	p.start(t)
	b.furnish(t)
	return b
}

// load says how the writers write.
type load struct {
	keys bool // whether writes have idempotency keys
	acks int  // kill the board after this many acknowledgements
}

// round has all writers write until the board is killed in the midst of it. Of every
// ten answers, a writer takes one for lost and tries again, as a client does whose
// connection broke.
func (b *board) round(t *testing.T, l load) []*write {
	t.Helper()
	var acknowledged atomic.Int64
	enough := make(chan struct{})
	count := func() {
		if acknowledged.Add(1) == int64(l.acks) {
			close(enough)
		}
	}
	made := make([][]*write, writers)
	var writing sync.WaitGroup
	for i := range writers {
		c := b.connect(t)
		of := []*kind{restPosts, restPosts, grpcPosts, grpcThreads}[i%4]
		writing.Go(func() {
			defer c.close()
			for n := range 1_000_000 {
				w := &write{kind: of, content: fmt.Sprintf("%d/%d/%d", len(b.writes), i, n)}
				if l.keys {
					w.key = "key-" + w.content
				}
				made[i] = append(made[i], w)
				tries := 1
				if n%10 == 5 {
					tries = 2
				}
				for range tries {
					answer, err := of.send(c, w)
					if err != nil {
						if refused, ok := errors.AsType[refusal](err); ok {
							t.Errorf("%s: %v", of.name, refused)
						}
						return
					}
					w.acknowledge(answer)
				}
				count()
			}
		})
	}
	stopped := make(chan struct{})
	go func() {
		writing.Wait()
		close(stopped)
	}()
	select {
	case <-enough:
	case <-stopped:
		t.Error("the writers stopped before the kill")
	}
	b.process.kill(t)
	<-stopped
	writes := slices.Concat(made...)
	b.writes = append(b.writes, writes...)
	return writes
}

// retry sends the writes again, as many at a time as there are writers.
func (b *board) retry(t *testing.T, writes []*write) {
	t.Helper()
	var next atomic.Int64
	var retrying sync.WaitGroup
	for range writers {
		c := b.connect(t)
		retrying.Go(func() {
			defer c.close()
			for i := next.Add(1) - 1; i < int64(len(writes)); i = next.Add(1) - 1 {
				w := writes[i]
				answer, err := w.kind.send(c, w)
				if err != nil {
					t.Errorf("the retry of %s %q: %v", w.kind.name, w.content, err)
					return
				}
				w.acknowledge(answer)
			}
		})
	}
	retrying.Wait()
}

// check runs the program's own check of its stores.
func (b *board) check(t *testing.T) {
	t.Helper()
	out, err := exec.Command(b.process.path, "check", "--data", b.data).CombinedOutput()
	if err != nil || string(out) != "users: ok\nthreads: ok\nposts: ok\n" {
		t.Errorf("check: %v\n%s", err, out)
	}
}

// TestKill kills the monolith under load, again and again.
func TestKill(t *testing.T) {
	t.Parallel()
	b := startBoard(t, &process{path: program(t, "monolith")})
	cut := 0 // writes that a kill left open
	for n := range *kills {
		writes := b.round(t, load{keys: true, acks: 100 + rand.IntN(1500)})
		b.check(t)
		b.process.start(t)
		f := audit(b.writes, b.stored(t))
		if len(f.lost)+len(f.doubled)+len(f.changed)+len(f.strange) > 0 {
			t.Fatalf("after kill %d: %s", n+1, f)
		}
		open := slices.DeleteFunc(slices.Clone(writes), func(w *write) bool { return w.answer != nil })
		cut += len(open)
		t.Logf("kill %d: %d writes, %d of them not acknowledged, of which %d were committed", n+1, len(writes), len(open), len(open)-len(f.missing))
		b.retry(t, writes)
		f = audit(b.writes, b.stored(t))
		if len(f.lost)+len(f.doubled)+len(f.changed)+len(f.missing)+len(f.strange) > 0 || t.Failed() {
			t.Fatalf("after the retries of kill %d: %s", n+1, f)
		}
	}
	b.process.kill(t)
	b.check(t)
	if cut == 0 {
		t.Error("no write was in flight at any kill: the retries proved nothing")
	}
}

// TestKillWithoutKeys is a control: retries without keys double writes, and the audit
// must see it.
func TestKillWithoutKeys(t *testing.T) {
	t.Parallel()
	b := startBoard(t, &process{path: program(t, "monolith")})
	b.round(t, load{acks: 500})
	b.process.start(t)
	f := audit(b.writes, b.stored(t))
	if len(f.doubled) == 0 {
		t.Errorf("no write was doubled by retries without keys: %s", f)
	}
	if len(f.lost)+len(f.strange) > 0 {
		t.Errorf("more than doubled writes: %s", f)
	}
}

// TestKillEarlyAcknowledgement is a control: a board that acknowledges posts before they
// are committed loses some, and the audit must see it.
func TestKillEarlyAcknowledgement(t *testing.T) {
	t.Parallel()
	b := startBoard(t, &process{path: self(t), env: []string{earlyAcknowledgement + "=1"}})
	b.round(t, load{keys: true, acks: 2000})
	b.process.start(t)
	f := audit(b.writes, b.stored(t))
	if len(f.lost) == 0 {
		t.Errorf("no write was lost: %s", f)
	}
}
