package play

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/audit"
	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
	"github.com/splitboard/splitboard/deploy/rehearsal/report"
	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

// A Script is what is played, and how.
type Script struct {
	Title  string
	Order  string
	Seed   uint64
	Scenes []Scene
	// Gap says that the scenes leave some path without a target for a while.
	Gap bool
	// KillOwner kills an owner after each scene.
	KillOwner bool
	// Pause is how long the board is left alone before, between and after the scenes.
	Pause time.Duration
	// Load is who asks. Where requests enter is the stage's business.
	Load load.Config
}

// A Rehearsal is a script being played.
type Rehearsal struct {
	script Script
	stage  *Stage
	pool   *load.Pool
	began  time.Time

	mu          sync.Mutex
	steps       []result.Step
	status      cast.Status // the last one that was asked for
	longestHold time.Duration
}

// NewRehearsal makes a rehearsal that has not begun. The stage must be empty.
func NewRehearsal(script Script, stage *Stage) *Rehearsal {
	script.Load.REST, script.Load.GRPC = stage.REST, stage.GRPC
	return &Rehearsal{script: script, stage: stage, pool: load.New(script.Load)}
}

// Run plays the script, ends all processes, and audits the stores. An error is one of the
// rehearsal itself; what went wrong with the board stands in the result.
func (r *Rehearsal) Run(ctx context.Context) (result.Result, error) {
	res, err := r.play(ctx)
	// Whatever happened, nothing is left running.
	if err != nil {
		return res, errors.Join(err, r.stage.Close(context.WithoutCancel(ctx)))
	}
	result.Judge(&res)
	return res, nil
}

func (r *Rehearsal) play(ctx context.Context) (result.Result, error) {
	if err := r.open(ctx); err != nil {
		return result.Result{}, err
	}
	r.mu.Lock()
	r.began = time.Now()
	r.mu.Unlock()
	asking, endAsking := context.WithCancel(ctx)
	defer endAsking()
	var background sync.WaitGroup
	background.Go(func() { r.pool.Run(asking) })
	background.Go(func() { r.watch(asking) })
	r.wait(ctx, r.script.Pause)
	for _, scene := range r.script.Scenes {
		r.act(ctx, scene)
		r.wait(ctx, r.script.Pause)
		if r.script.KillOwner {
			r.act(ctx, killOwner)
			r.wait(ctx, r.script.Pause/2)
		}
	}
	endAsking()
	background.Wait()
	took := time.Since(r.began)
	if err := ctx.Err(); err != nil {
		return result.Result{}, err
	}
	board, err := audit.Read(ctx, r.stage.rest)
	if err != nil {
		return result.Result{}, err
	}
	if err := r.stage.Close(ctx); err != nil {
		return result.Result{}, err
	}
	if err := r.stage.Operator().Check(ctx); err != nil {
		return result.Result{}, err
	}
	return r.result(took, audit.Audit(r.pool.Records(), nil, board))
}

// open raises the curtain on the monolith alone, behind its rule.
func (r *Rehearsal) open(ctx context.Context) error {
	s := r.stage
	return errors.Join(
		s.Balancer.SetDefault(s.Setup.Drop),
		s.Balancer.AddRule(s.Setup.Rules[apiRule]),
		s.StartMonolith(ctx))
}

var killOwner = Scene{
	"Kill the owner", "A process that no client asks is given all stores, and killed with SIGKILL.",
	func(ctx context.Context, s *Stage) error { return s.KillOwner(ctx) },
}

// act plays a scene. One that fails is told in the result, and the play goes on.
func (r *Rehearsal) act(ctx context.Context, scene Scene) {
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	i := len(r.steps)
	r.steps = append(r.steps, result.Step{Name: scene.Name, Detail: scene.Detail, At: time.Since(r.began)})
	r.mu.Unlock()
	err := scene.Do(ctx, r.stage)
	r.mu.Lock()
	defer r.mu.Unlock()
	step := &r.steps[i]
	step.Took = time.Since(r.began) - step.At
	if err != nil {
		step.Failed = err.Error()
	}
}

func (r *Rehearsal) wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// watchEvery is how often the processes are asked how they are.
const watchEvery = 500 * time.Millisecond

// watch asks the processes who owns what, and how long they held requests.
func (r *Rehearsal) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		status, err := r.stage.Operator().Status(ctx)
		if err != nil {
			continue // in the midst of a change; the next look is soon
		}
		r.mu.Lock()
		r.status = status
		for _, p := range status.Processes {
			for _, s := range p.Stores {
				r.longestHold = max(r.longestHold, time.Duration(s.LongestHold))
			}
		}
		r.mu.Unlock()
	}
}

// Snapshot gives the rehearsal at this moment.
func (r *Rehearsal) Snapshot() report.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	total := len(r.script.Scenes)
	if r.script.KillOwner {
		total *= 2
	}
	s := report.Snapshot{Title: r.script.Title, Steps: slices.Clone(r.steps), Total: total}
	if r.began.IsZero() {
		return s
	}
	s.Elapsed = time.Since(r.began)
	f := r.pool.Figures()
	s.Requests, s.Failed, s.NoTarget, s.P50, s.P99, s.Max = f.Requests, f.Failed-f.NoTarget, f.NoTarget, f.P50, f.P99, f.Max
	for _, b := range r.pool.Buckets() {
		second := int(b.At / time.Second)
		for len(s.Rates) <= second {
			s.Rates = append(s.Rates, 0)
		}
		s.Rates[second] += b.Requests
	}
	for _, name := range services {
		owner := report.Owner{Store: name}
		if st, ok := r.status.Store(name); ok && st.Served {
			owner.Binary, owner.Instance = st.Owner.Binary, st.Owner.Instance
		}
		s.Owners = append(s.Owners, owner)
	}
	return s
}

// result puts together what there is to tell.
func (r *Rehearsal) result(took time.Duration, found audit.Finding) (result.Result, error) {
	f := r.pool.Figures()
	res := result.Result{
		Title: r.script.Title, Start: r.began, Took: took, Order: r.script.Order, Seed: r.script.Seed, Gap: r.script.Gap,
		Steps: r.steps,
		Verdict: result.Verdict{
			Requests: f.Requests, Reads: f.Reads, Writes: f.Writes, Acknowledged: f.Acknowledged,
			Failed: f.Failed - f.NoTarget, NoTarget: f.NoTarget, Lost: len(found.Lost), Doubled: len(found.Doubled),
			Changed: len(found.Changed), Strange: len(found.Strange),
			P50: f.P50, P99: f.P99, Max: f.Max, LongestHold: r.longestHold,
		},
	}
	if len(r.status.Processes) > 0 {
		res.Version = r.status.Processes[0].Version
	}
	for _, b := range r.pool.Buckets() {
		res.Buckets = append(res.Buckets, result.Bucket{
			At: b.At, Requests: b.Requests, Failed: b.Failed - b.NoTarget, NoTarget: b.NoTarget, P50: b.P50, P99: b.P99, Max: b.Max,
		})
	}
	for _, name := range services {
		owners, err := ownerships(r.stage.Data, name, r.began)
		if err != nil {
			return res, err
		}
		res.Owners = append(res.Owners, owners...)
	}
	return res, nil
}

// ownerships reads from a store's journal who owned it when.
func ownerships(data, service string, began time.Time) ([]result.Ownership, error) {
	events, err := cast.Journal(data, service)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", service, err)
	}
	var list []result.Ownership
	for _, e := range events {
		at := max(0, e.Time.Sub(began))
		last := len(list) - 1
		open := last >= 0 && list[last].To == 0
		switch e.Event {
		case "owns":
			if open { // it was killed
				list[last].To = at
			}
			list = append(list, result.Ownership{Store: service, Instance: e.Instance, Binary: e.Binary, Epoch: e.Epoch, From: at})
		case "hands-over", "releases":
			if open {
				list[last].To = at
			}
		}
	}
	return list, nil
}
