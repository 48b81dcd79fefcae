package drills

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/audit"
	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

const (
	// grpcTimeout is the deadline of the RPCs, restTimeout is how long clients wait for
	// REST, which gets a deadline of restDeadline from the process that it enters.
	grpcTimeout  = 3 * time.Second
	restTimeout  = 10 * time.Second
	restDeadline = 5 * time.Second
	// noHandoff stands for the exit code of a handoff that was not asked for.
	noHandoff = -2
)

// A scene is a board under load: a process that owns all stores, one that may take them
// over, and one that only forwards. Clients enter through the last one, and nothing is
// done to it.
type scene struct {
	*board

	owner, target, front *cast.Process
	crowds               []*crowd
	beside               []load.Record // of requests that were made beside the load
	epoch                uint64        // of the posts at first

	handing   chan error    // the handoff that is under way; nil for none
	exit      int           // the exit code of the last one
	hit, over time.Time     // when the fault began and ended
	watch     time.Duration // how long to look on after that
	note      string        // for the report
}

// newScene starts the board and the load, and waits until all is well.
func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{board: newBoard(t, failpoints), exit: noHandoff}
	s.owner = s.start(t, "owner", cast.Monolith)
	s.target = s.start(t, "target", cast.Monolith)
	s.front = s.start(t, "forwarder", cast.Monolith, "--no-own")
	rest, grpc := load.Default(), load.Default()
	rest.Clients, rest.Rate, rest.Timeout = 16, 150, restTimeout
	grpc.Clients, grpc.Rate, grpc.Timeout = 16, 150, grpcTimeout
	// A write that has no key of its client's gets one from the forwarder.
	grpc.Keys = false
	through := newEntry(s.front)
	s.crowds = []*crowd{gather(t, rest, through.http, nil), gather(t, grpc, nil, through.grpc)}
	s.asked(t, 30)
	st, err := s.operator().Status(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	posts, _ := st.Store(load.Posts)
	if s.epoch = posts.Store.Epoch; posts.Owner.Instance != s.owner.Instance() {
		t.Fatalf("the posts are at %+v", posts)
	}
	return s
}

// asked waits until each crowd has so many more answers.
func (s *scene) asked(t *testing.T, requests int) {
	t.Helper()
	for _, c := range s.crowds {
		until := c.pool.Figures().Requests + requests
		waitFor(t, "clients are answered", func() bool { return c.pool.Figures().Requests >= until })
	}
}

// A crowd is clients that ask over REST or over gRPC.
type crowd struct {
	pool *load.Pool
	end  context.CancelFunc
	done chan struct{}
}

// gather has a crowd begin to ask.
func gather(t *testing.T, c load.Config, rest, grpc func(string) string) *crowd {
	t.Helper()
	c.REST, c.GRPC = rest, grpc
	ctx, end := context.WithCancel(t.Context())
	of := &crowd{pool: load.New(c), end: end, done: make(chan struct{})}
	go func() {
		defer close(of.done)
		of.pool.Run(ctx)
	}()
	t.Cleanup(func() {
		end()
		<-of.done
	})
	return of
}

// disperse ends the load and gives all that was asked, by one clock.
func (s *scene) disperse() []load.Record {
	var records []load.Record
	for _, c := range s.crowds {
		c.end()
		<-c.done
		made, shift := c.pool.Records(), c.pool.Began().Sub(s.began())
		for i := range made {
			made[i].Due += shift
			made[i].Start += shift
			made[i].End += shift
		}
		records = append(records, made...)
	}
	return records
}

// began gives the time that records' times are counted from.
func (s *scene) began() time.Time { return s.crowds[0].pool.Began() }

// handOff asks for the posts to be handed to the target, and does not wait.
func (s *scene) handOff(t *testing.T) {
	t.Helper()
	ctx, done := soon(t), make(chan error, 1)
	operator, to := s.operator(), s.target.Instance()
	go func() {
		_, err := operator.Handoff(ctx, load.Posts, to)
		done <- err
	}()
	s.handing = done
}

// handedOff waits for the end of the handoff, if there is one, and gives its exit code.
func (s *scene) handedOff(t *testing.T) int {
	t.Helper()
	if s.handing == nil {
		return s.exit
	}
	err := <-s.handing
	s.handing = nil
	if s.exit = cast.ExitCode(err); err != nil {
		t.Logf("the handoff: %v", err)
	}
	return s.exit
}

// untilHit waits until a process comes past an armed point.
func (s *scene) untilHit(t *testing.T, p *cast.Process, action string) {
	t.Helper()
	waitFor(t, p.Name+" comes past "+action, func() bool { return strings.Contains(p.Log(), "failpoint: "+action) })
	s.fault()
}

// fault says that the fault begins now.
func (s *scene) fault() { s.hit = time.Now() }

// healed says that the fault is over.
func (s *scene) healed() { s.over = time.Now() }

// wait waits out a part of a fault.
func wait(d time.Duration) { <-time.After(d) }

// untilStopped waits until a process is stopped, by its own signal.
func untilStopped(t *testing.T, p *cast.Process) {
	t.Helper()
	waitFor(t, p.Name+" is stopped", func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
		_, state, _ := bytes.Cut(b, []byte(") ")) // after the program's name
		return err == nil && bytes.HasPrefix(state, []byte("T"))
	})
}

// untilEnded waits until a process has ended by itself or by a fail point.
func untilEnded(t *testing.T, p *cast.Process) {
	t.Helper()
	if _, err := p.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// settle waits until clients have been answered for a while after the fault, and each
// store has one owner that all processes agree on. It says if that does not come.
func (s *scene) settle(t *testing.T) (disagreement string) {
	t.Helper()
	if s.hit.IsZero() || s.over.IsZero() {
		t.Fatal("the trial has not said when the fault was")
	}
	s.handedOff(t)
	s.asked(t, 60)
	wait(time.Until(s.over.Add(s.watch)))
	for until := time.Now().Add(patience / 2); time.Now().Before(until); wait(20 * time.Millisecond) {
		if disagreement = s.disagreement(t); disagreement == "" {
			break
		}
	}
	return disagreement
}

// disagreement says why not all processes know one and the same owner for each store.
func (s *scene) disagreement(t *testing.T) string {
	t.Helper()
	st, err := s.operator().Status(soon(t))
	if err != nil {
		return err.Error()
	}
	for _, service := range services {
		of, _ := st.Store(service)
		if !of.Served {
			return service + " has no owner: " + of.Error
		}
		for _, p := range st.Processes {
			for _, role := range p.Stores {
				if role.Service == service && (role.Owner != of.Owner.Instance || (role.State == "OWNER") != (p.Instance == of.Owner.Instance)) {
					return fmt.Sprintf("%s is %s for %s and takes %s for the owner, who is %s",
						p.Instance, role.State, service, role.Owner, of.Owner.Instance)
				}
			}
		}
	}
	return ""
}

// end ends the load and the board, and tells what came of them.
func (s *scene) end(t *testing.T) report {
	t.Helper()
	records := s.disperse()
	st, err := s.operator().Status(soon(t))
	if err != nil {
		t.Error(err)
	}
	s.terminate(t)
	r := newReport(s, records, audit.Audit(slices.Concat(records, s.beside), nil, s.read(t)))
	if err := s.operator().Check(soon(t)); err != nil {
		r.damage = append(r.damage, err.Error())
	}
	for _, service := range services {
		if r.journals[service], err = cast.Journal(s.data, service); err != nil {
			t.Error(err)
		}
	}
	posts, _ := st.Store(load.Posts)
	r.epoch = posts.Store.Epoch
	for _, p := range s.processes {
		if p.Instance() == posts.Owner.Instance {
			r.owner = p.Name
		}
	}
	return r
}

// terminate ends all processes that the trial has left.
func (s *scene) terminate(t *testing.T) {
	t.Helper()
	for _, p := range s.processes {
		if p.Running() {
			terminate(t, p)
		}
	}
}

// killed tells of a process that has ended whether it was killed.
func killed(t *testing.T, p *cast.Process) bool {
	t.Helper()
	code, err := p.Wait(soon(t))
	if err != nil {
		t.Error(err)
	}
	return code < 0
}
