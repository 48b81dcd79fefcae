package drills

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"

	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

const (
	// impatient is how many requests are made at once that do not wait long.
	impatient = 1000
	// perConn is how many of them share a connection: fewer than a server takes.
	perConn = 50
	// spreadOver is how long it takes to send them all. Were they sent at one moment, some
	// would spend their time in the machine's queues, and not in a process.
	spreadOver = 150 * time.Millisecond
	// hurryLate is maxLate for them: half of what is left of the shortest deadline.
	hurryLate = 10 * time.Millisecond
	// hurries is how often they are made on a machine that is late.
	hurries = 5
	// tolerated is which part of them may be answered late on a machine that is busy.
	tolerated = 2
	// maxGrowth is how much memory the forwarder may take for them.
	maxGrowth = 64 << 20
)

// heldFaults have many requests wait for an owner that does not come in time.
func heldFaults() []trial {
	return []trial{
		{
			name: "1000 impatient requests, owner stopped", alone: true, excused: away,
			play: func(t *testing.T, s *scene) {
				s.fault()
				halt(t, s.owner)
				s.hurry(t)
				resume(t, s.owner)
				s.healed()
			},
		},
		{
			name: "1000 impatient requests, nobody owns", alone: true, excused: away,
			play: func(t *testing.T, s *scene) {
				kill(t, s.target)
				s.fault()
				kill(t, s.owner)
				s.hurry(t)
				s.start(t, "successor", cast.Monolith)
				s.healed()
			},
		},
		{
			// Longer than any deadline: nobody is left without an answer.
			name: "owner stopped for long", excused: away,
			play: func(t *testing.T, s *scene) {
				s.watch = recovery + 300*time.Millisecond
				s.fault()
				halt(t, s.owner)
				wait(restDeadline + 2*time.Second)
				resume(t, s.owner)
				s.healed()
			},
			after: func(_ *testing.T, s *scene, r *report) {
				for _, rest := range []bool{true, false} {
					if !slices.ContainsFunc(r.records, func(rec load.Record) bool { return rec.Failed() && rec.REST == rest }) {
						r.complain("no request failed of those over REST (%t)", rest)
					}
				}
				if r.owner != s.owner.Name || r.epoch != s.epoch {
					r.complain("the posts are at %s in epoch %d", r.owner, r.epoch)
				}
			},
		},
	}
}

// halt stops a process.
func halt(t *testing.T, p *cast.Process) {
	t.Helper()
	if err := p.Halt(); err != nil {
		t.Fatal(err)
	}
}

// hurry makes many requests at once that do not wait long for their answers, reads and
// writes, and wants each answered in time: by a 503, as there is no owner. Where the
// machine lets processes wait for longer than they have to answer, it tries again.
func (s *scene) hurry(t *testing.T) {
	t.Helper()
	fewest := impatient
	for n := range hurries {
		machine := measure(t, t.TempDir())
		problems := s.hurryOnce(t)
		machine.end()
		t.Logf("try %d: %d problems; the machine was %s late", n+1, len(problems), brief(machine.late))
		if len(problems) == 0 {
			return
		}
		if fewest = min(fewest, len(problems)); machine.late < hurryLate || n == hurries-1 && fewest > impatient/tolerated {
			t.Errorf("%d of %d impatient requests: %v", len(problems), impatient, errors.Join(problems[:min(len(problems), 8)]...))
			return
		}
	}
	s.note += fmt.Sprintf("; the machine was too busy to answer them in time, but for all except %d", fewest)
}

// hurryOnce makes them once, and gives those that were not answered so.
func (s *scene) hurryOnce(t *testing.T) []error {
	t.Helper()
	before := resident(t, s.front)
	conns := make([]*grpc.ClientConn, impatient/perConn)
	for i := range conns {
		var err error
		if conns[i], err = grpc.NewClient("passthrough:///"+s.front.GRPC(), grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDisableRetry(), grpc.WithDisableServiceConfig()); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close()
		conns[i].Connect()
	}
	records, problems := make([]load.Record, impatient), make([]error, impatient)
	var asking sync.WaitGroup
	began := time.Now()
	for i := range impatient {
		wait(time.Until(began.Add(time.Duration(i) * spreadOver / impatient)))
		asking.Go(func() { records[i], problems[i] = s.impatient(conns[i%len(conns)], len(s.beside)+i) })
	}
	done := make(chan struct{})
	go func() { asking.Wait(); close(done) }()
	var peak int64
	waitFor(t, "all are answered", func() bool {
		peak = max(peak, resident(t, s.front))
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	s.beside = append(s.beside, records...)
	s.note = fmt.Sprintf("%d waited at once, and the forwarder grew by %d MiB", overlapping(records), (peak-before)>>20)
	if peak-before > maxGrowth {
		t.Errorf("the forwarder grew from %d by %d bytes", before, peak-before)
	}
	return slices.DeleteFunc(problems, func(err error) bool { return err == nil })
}

// impatient makes one request and says what is wrong with its answer.
func (s *scene) impatient(conn *grpc.ClientConn, n int) (load.Record, error) {
	timeout := 200*time.Millisecond + time.Duration(rand.IntN(600))*time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	r := load.Record{Start: time.Since(s.began())}
	var err error
	switch n % 3 {
	case 0:
		r.Kind, r.Content = load.CreateUser, fmt.Sprintf("impatient-%d", n)
		_, err = usersv1.NewUsersServiceClient(conn).CreateUser(ctx, &usersv1.CreateUserRequest{User: &usersv1.User{Username: r.Content, Name: r.Content}})
	case 1:
		r.Kind = load.ListThreads
		_, err = threadsv1.NewThreadsServiceClient(conn).ListThreads(ctx, &threadsv1.ListThreadsRequest{})
	default:
		r.Kind = load.FindUser
		_, err = usersv1.NewUsersServiceClient(conn).ListUsers(ctx, &usersv1.ListUsersRequest{})
	}
	r.End = time.Since(s.began())
	st := status.Convert(err)
	r.Code, r.Err = uint16(st.Code()), st.Message()
	notOwner := false
	for _, d := range st.Proto().GetDetails() {
		notOwner = notOwner || bytes.Contains(d.GetValue(), []byte("NOT_OWNER"))
	}
	if st.Code() != codes.Unavailable || !notOwner {
		return r, fmt.Errorf("%s, with %s to wait, ended after %s: %w", r.Kind, timeout, brief(r.End-r.Start), err)
	}
	return r, nil
}

// overlapping tells how many requests there were at a time, at most.
func overlapping(records []load.Record) int {
	var times []time.Duration
	for i := range records {
		times = append(times, records[i].Start)
	}
	most := 0
	for _, at := range times {
		n := 0
		for i := range records {
			if records[i].Start <= at && at < records[i].End {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// resident tells how much memory a process takes.
func resident(t *testing.T, p *cast.Process) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.PID()))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var total, pages int64
	if _, err := fmt.Fscan(bytes.NewReader(b), &total, &pages); err != nil {
		t.Fatal(strings.TrimSpace(string(b)), err)
	}
	return pages * int64(os.Getpagesize())
}
