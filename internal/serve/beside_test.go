package serve

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/splitboard/splitboard/internal/admin"
	"github.com/splitboard/splitboard/internal/store"
)

// A traffic is clients that read and write over some connections, until end.
type traffic struct {
	wg      sync.WaitGroup
	done    atomic.Bool
	answers atomic.Int64
	mu      sync.Mutex
	made    []int64
}

// send begins the traffic. No call may fail.
func (l *traffic) send(t *testing.T, conns ...grpc.ClientConnInterface) {
	t.Helper()
	for _, conn := range conns {
		for range 2 {
			l.wg.Go(func() {
				for !l.done.Load() {
					id, err := create(t.Context(), conn, "x")
					if err != nil {
						t.Errorf("a write: %v", err)
						return
					}
					if u, err := get(t.Context(), conn, id); err != nil || u.GetBio() != "x" {
						t.Errorf("the read of what was written: %v, %v", u, err)
						return
					}
					l.answers.Add(2)
					l.mu.Lock()
					l.made = append(l.made, id)
					l.mu.Unlock()
				}
			})
		}
	}
}

// more waits until n more calls have been answered.
func (l *traffic) more(t *testing.T, n int64) {
	t.Helper()
	until := l.answers.Load() + n
	waitFor(t, "traffic", func() bool { return l.answers.Load() >= until || t.Failed() })
}

// end ends the traffic, and checks that each write was done once.
func (l *traffic) end(t *testing.T, r *running) {
	t.Helper()
	l.done.Store(true)
	l.wg.Wait()
	slices.Sort(l.made)
	for i, id := range l.made {
		if id != int64(i+1) {
			t.Fatalf("of the users made number %d has the id %d: one was lost or made twice", i+1, id)
		}
	}
	if next, err := create(t.Context(), r.Conn(), "x"); err != nil || next != int64(len(l.made)+1) {
		t.Errorf("%d users were made, and the next is %d, %v", len(l.made), next, err)
	}
}

// An owner that stops hands its store to a candidate; who asks another process notices
// nothing.
func TestStopHandsOff(t *testing.T) {
	data := shared(t)
	short := func(c *Config) { c.Drain = 20 * time.Millisecond }
	front := startAs(t, "front", data, neverOwn) // stays
	owner := startAs(t, "users", data, short)
	var l traffic
	l.send(t, front.Conn(), faces(t, front)["network"])
	handed := 0
	for range 6 {
		next := startAs(t, "users", data, short)
		l.more(t, 50)
		if err := owner.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if strings.Contains(owner.log.String(), "handed the store over") {
			handed++
		}
		waitFor(t, "the next owner", next.owns)
		l.more(t, 50)
		owner = next
	}
	l.end(t, owner)
	// On a machine that is busy a commit may outlast a handoff's patience.
	if handed < 3 {
		t.Errorf("of 6 owners that stopped %d handed the store over", handed)
	}
	t.Logf("%d calls, the longest hold was %v", l.answers.Load(), front.leases["users"].Status().LongestHold)
}

// It goes to one of the same kind, and never to one that does not want it.
func TestStopPrefersItsKind(t *testing.T) {
	data := shared(t)
	owner := startAs(t, "users", data, nil)
	for range 3 {
		startAs(t, "monolith", data, nil)
		startAs(t, "users", data, neverOwn)
	}
	next := startAs(t, "users", data, nil)
	if err := owner.stopAfter(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if !next.owns() || !strings.Contains(owner.log.String(), "to="+next.instance) {
		t.Errorf("the one of the same kind owns the store: %v\n%s", next.owns(), owner.log)
	}
	if err := next.stopAfter(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if got := next.log.String(); !strings.Contains(got, "handed the store over") {
		t.Errorf("with none of its kind left it logs\n%s", got)
	}
}

// The process that stops goes on answering, as a forwarder, through its drain.
func TestStopGoesOnForwarding(t *testing.T) {
	data := shared(t)
	owner := startAs(t, "users", data, func(c *Config) { c.Drain = time.Hour })
	next := startAs(t, "users", data, nil)
	stopped := make(chan error, 1)
	cutDrain := make(chan struct{})
	go func() { stopped <- owner.Stop(endsWith(t, cutDrain)) }()
	waitFor(t, "the handoff", next.owns)
	for name, conn := range faces(t, owner) {
		if _, err := create(t.Context(), conn, "x"); err != nil {
			t.Errorf("%s, while it drains: %v", name, err)
		}
	}
	waitFor(t, "the drain", owner.draining.Load)
	if code, _, errs := handoff(data, "--to", owner.instance); code != exitTarget || !strings.Contains(errs, "it is stopping") {
		t.Errorf("a handoff to one that drains: exit %d, %s", code, errs)
	}
	if _, out, _ := runFake(fakeBinary(nil), "status", "--data", data); !strings.Contains(out, "forwarder, draining: it is stopping") {
		t.Errorf("status:\n%s", out)
	}
	close(cutDrain)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestStatusOfSeveral(t *testing.T) {
	data := shared(t)
	owner := startAs(t, "users", data, nil)
	candidate := startAs(t, "monolith", data, nil)
	forwarder := startAs(t, "users", data, neverOwn)
	for _, r := range []*running{candidate, forwarder, forwarder} {
		if _, err := create(t.Context(), r.Conn(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	// A dead socket is nobody.
	if err := os.WriteFile(filepath.Join(data, "users", "0123456789abcdef.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := runFake(fakeBinary(nil), "status", "--data", data, "--json")
	var b boardStatus
	if err := json.Unmarshal([]byte(out), &b); err != nil || code != 0 || errs != "" || len(b.Stores) != 1 || len(b.Processes) != 3 {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
	}
	if s := b.Stores[0]; s.Service != "users" || !s.Served || s.Error != "" || s.Owner.Instance != owner.instance || s.Owner.Binary != "users" || s.Store.Sequence != 3 || s.Store.Epoch != 1 {
		t.Errorf("the store: %+v %+v %+v", s, s.Owner, s.Store)
	}
	for _, want := range []struct {
		*running
		binary, state, refusal string
		forwarded              int64
	}{
		{owner, "users", "OWNER", "", 0},
		{candidate, "monolith", "CANDIDATE", "", 1},
		{forwarder, "users", "FORWARDER", "it was started with --no-own", 2},
	} {
		i := slices.IndexFunc(b.Processes, func(p processStatus) bool { return p.Instance == want.instance })
		if i < 0 || len(b.Processes[i].Stores) != 1 {
			t.Errorf("%s is not there as it should be:\n%s", want.instance, out)
			continue
		}
		p, s := b.Processes[i], b.Processes[i].Stores[0]
		if p.Binary != want.binary || p.Draining || s.State != want.state || s.Refusal != want.refusal || s.Forwarded != want.forwarded || s.Owner != owner.instance {
			t.Errorf("%s: %+v", want.state, p)
		}
	}
	code, out, _ = runFake(fakeBinary(nil), "status", "--data", data)
	lines := strings.Split(out, "\n")
	if code != 0 || len(lines) != 8 || strings.Fields(lines[1])[1] != "users" || !strings.Contains(lines[1], owner.instance) || lines[2] != "" || !strings.HasPrefix(lines[3], "PROCESS") {
		t.Errorf("exit %d\n%s", code, out)
	}
	for _, state := range []string{"  owner  ", "  candidate  ", "  forwarder: it was started with --no-own  "} {
		if strings.Count(out, state) != 1 {
			t.Errorf("the table has not one %q:\n%s", state, out)
		}
	}
}

// The commands find the owner, whoever else has a socket and whatever the hint says; or
// they say who holds the store.
func TestCommandsBesideSeveral(t *testing.T) {
	data, out, file := shared(t), t.TempDir(), write(t, wholeJSON)
	if code, _, errs := runFake(boardBinary(), "import", "--data", data, file); code != 0 {
		t.Fatal(errs)
	}
	owner, _ := serveBoard(t, boardBinary(), data, seedNone)
	other, log := serveBoard(t, boardBinary(), data, seedSample)
	if got := log.String(); strings.Contains(got, "seeded") || strings.Count(got, "forwarding to the store's owner") != 2 {
		t.Errorf("the second logs\n%s", got)
	}
	for i, hint := range []string{owner.instance, other.instance} {
		for _, service := range []string{"users", "threads"} {
			if err := os.WriteFile(filepath.Join(data, service, "owner.json"), []byte(`{"instance":"`+hint+`"}`), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		to := filepath.Join(out, "backup"+string(rune('0'+i)))
		if code, _, errs := runFake(boardBinary(), "backup", "--data", data, to); code != 0 {
			t.Errorf("backup: exit %d, %s", code, errs)
		}
		if code, printed, errs := runFake(boardBinary(), "check", "--data", to); code != 0 {
			t.Errorf("check of the backup: exit %d\n%s%s", code, printed, errs)
		}
		if code, printed, errs := runFake(boardBinary(), "export", "--data", data, "-"); code != 0 || printed != wholeJSON {
			t.Errorf("export: exit %d\n%s%s", code, printed, errs)
		}
		for command, says := range map[string]string{
			"check":   "; stop it, or make a backup and check that\n",
			"migrate": "; stop every process that may own the store first\n",
			"import":  "; a store is imported into while nobody serves it: stop every process that may own it first\n",
		} {
			args := []string{command, "--data", data}
			if command == "import" {
				args = append(args, file)
			}
			if code, printed, errs := runFake(boardBinary(), args...); code != exitHeld || printed != "" || !strings.Contains(errs, says) || !strings.Contains(errs, filepath.Join(data, "users")+" is held by another process") {
				t.Errorf("%s: exit %d\n%s%s", command, code, printed, errs)
			}
		}
	}
}

// A board of which another process owns a part is not filled.
func TestSeedBesideAnOwner(t *testing.T) {
	data := shared(t)
	serveBoard(t, usersBinary(), data, seedNone)
	_, log := serveBoard(t, boardBinary(), data, seedSample)
	if got := log.String(); strings.Contains(got, "msg=seeded") || !strings.Contains(got, `msg="owns the store" service=threads`) {
		t.Errorf("the second logs\n%s", got)
	}
	code, out, errs := runFake(boardBinary(), "export", "--data", data, "-")
	if code != 0 || out != "{\n  \"users\": [],\n\n  \"threads\": []\n}\n" {
		t.Errorf("export: exit %d\n%s%s", code, out, errs)
	}
}

// A backup that its process gives up is made by the next owner.
func TestBackupOfAStoreThatMoves(t *testing.T) {
	data := shared(t)
	owner := startAs(t, "users", data, nil)
	startAs(t, "monolith", data, nil)
	if _, err := create(t.Context(), owner.Conn(), "x"); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(data, "users")
	client, err := admin.DialOwner(t.Context(), dir, "users")
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errs := handoff(data, "--to", "monolith"); code != 0 {
		t.Fatal(errs)
	}
	path := filepath.Join(t.TempDir(), "copy")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := fetch(t.Context(), client, dir, "users", f); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := store.Peek(path); err != nil || info.Epoch != 2 {
		t.Errorf("the copy: %+v, %v; want one of the second epoch", info, err)
	}
}

// Backups that are made while a store goes to and fro are whole, and hold up no handoff.
func TestBackupsWhileTheStoreMoves(t *testing.T) {
	data, out := shared(t), t.TempDir()
	owner := startAs(t, "users", data, nil)
	startAs(t, "monolith", data, nil)
	// So large that a copy takes longer than a handoff.
	for range 64 {
		if _, err := create(t.Context(), owner.Conn(), strings.Repeat("x", 512<<10)); err != nil {
			t.Fatal(err)
		}
	}
	var moving sync.WaitGroup
	var done atomic.Bool
	handoffs := 0
	moving.Go(func() {
		pause := time.NewTicker(200 * time.Millisecond)
		defer pause.Stop()
		for ; !done.Load(); handoffs++ {
			<-pause.C
			if code, _, errs := handoff(data, "--to", []string{"monolith", "service"}[handoffs%2]); code != 0 {
				t.Errorf("a handoff during backups: exit %d, %s", code, errs)
				return
			}
		}
	})
	whole, brokenOff := 0, 0
	for i := range 15 {
		path := filepath.Join(out, string(rune('a'+i)))
		switch code, _, errs := runFake(fakeBinary(nil), "backup", "--data", data, path); {
		case code == 0:
			whole++
			if problems, err := store.Check(path, fakeService("users", nil).Schema); err != nil || len(problems) > 0 {
				t.Errorf("a copy: %v, %v", problems, err)
			}
		case strings.Contains(errs, admin.ErrMoved.Error()):
			brokenOff++
		default:
			t.Errorf("backup: exit %d, %s", code, errs)
		}
	}
	done.Store(true)
	moving.Wait()
	if whole == 0 || handoffs == 0 {
		t.Errorf("%d whole copies, %d broken off, %d handoffs", whole, brokenOff, handoffs)
	}
	t.Logf("%d whole copies, %d broken off twice, %d handoffs", whole, brokenOff, handoffs)
	if left := list(t, out); len(left) != whole {
		t.Errorf("the folder has %v", left)
	}
}
