// Command rehearsal plays the tutorial's cutover on one machine, with real processes and
// under load, and says whether a request failed or a write was lost or doubled.
//
//	go run ./deploy/rehearsal
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/splitboard/splitboard/deploy/rehearsal/balancer"
	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
	"github.com/splitboard/splitboard/deploy/rehearsal/play"
	"github.com/splitboard/splitboard/deploy/rehearsal/report"
	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

// The commands' flags are documented by --help.
type flags struct {
	Order     string        `enum:"whole,tutorial,strangler,random" default:"whole" help:"What is played: the tutorial's cutover and back, one service after another (strangler), both (whole), or the tutorial's four steps in a random order."`
	Seed      uint64        `help:"Chooses the random order and what clients ask for; 0 takes a new one each time."`
	KillOwner bool          `help:"After each step, give the stores to a process that no client asks, and kill it."`
	Repeat    int           `default:"1" help:"How often to play, each time with a board of its own."`
	Rate      float64       `default:"1000" help:"Requests a second; 0 is as many as possible."`
	Pause     time.Duration `default:"3s" help:"How long the board is left alone between two steps."`
	Balancer  string        `enum:"stand-in,haproxy" default:"stand-in" help:"The load balancer: the one that is part of the rehearsal, or haproxy, which must be installed. Both follow the files in deploy/ecs."`
	Out       string        `default:"rehearsal.html" help:"The report to write."`
	Plot      string        `placeholder:"FILE" help:"Write the report's plot alone, too, as an SVG."`
	JSON      bool          `name:"json" help:"Print the result as JSON, and nothing else on standard output."`
}

// Validate finds what cannot be.
func (f *flags) Validate() error {
	switch {
	case f.Repeat < 1:
		return errors.New("--repeat is at least 1")
	case !(f.Rate >= 0 && f.Rate <= maxRate): // nor is it no number
		return fmt.Errorf("--rate is from 0 to %d", maxRate)
	case f.Pause < 0:
		return errors.New("--pause is negative")
	}
	return nil
}

// maxRate is far beyond what a machine can do.
const maxRate = 1_000_000

const exitUsage = 2

func main() {
	var f flags
	parser := kong.Must(&f, kong.Name("rehearsal"), kong.Description(
		"Plays the cutover from the monolith to the services, and back, on this machine: real processes, a load balancer that follows "+
			"the rules in deploy/ecs, and clients that never ask twice. Exit codes: 0 all passed, 1 not, 2 wrong usage."))
	if _, err := parser.Parse(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "rehearsal: %v\nRun it with --help to see what there is.\n", err)
		os.Exit(exitUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	passed, err := f.run(ctx)
	stop()
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "rehearsal: interrupted; all processes are ended")
		os.Exit(1)
	case err != nil:
		fmt.Fprintf(os.Stderr, "rehearsal: %v\n", err)
		os.Exit(1)
	case !passed:
		os.Exit(1)
	}
}

// run plays as often as is asked for. Its results are written out each time; the report is
// that of the last one, or of the first that did not pass.
func (f *flags) run(ctx context.Context) (passed bool, err error) {
	// A minute's play is not to end with a file that cannot be written.
	for _, path := range []string{f.Out, f.Plot} {
		if err := writable(path); err != nil {
			return false, err
		}
	}
	scratch, err := os.MkdirTemp("", "sbr-") // short, since sockets lie below it
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	fmt.Fprintln(os.Stderr, "building the programs")
	programs, err := cast.Build(ctx, filepath.Join(scratch, "bin"))
	if err != nil {
		return false, err
	}
	for i := range f.Repeat {
		res, err := f.once(ctx, programs, filepath.Join(scratch, strconv.Itoa(i)))
		if err != nil {
			return false, err
		}
		if err := f.tell(res); err != nil || !res.Verdict.Pass {
			return false, err
		}
	}
	return true, nil
}

// once plays on a new board.
func (f *flags) once(ctx context.Context, programs cast.Programs, data string) (result.Result, error) {
	setup, err := f.setup(ctx)
	if err != nil {
		return result.Result{}, err
	}
	b, err := f.start(ctx, setup)
	if err != nil {
		return result.Result{}, err
	}
	r := play.NewRehearsal(f.script(), play.NewStage(programs, data, b, setup))
	watching, done := context.WithCancel(ctx)
	var live sync.WaitGroup
	live.Go(func() { report.NewLive(os.Stderr, r.Snapshot).Run(watching) })
	res, err := r.Run(ctx)
	done()
	live.Wait()
	return res, err
}

// healthScale makes health checks so much quicker than the files say: the tutorial's take
// 12 s to let a target in.
const healthScale = 20

func (f *flags) setup(ctx context.Context) (*balancer.Setup, error) {
	root, err := cast.Root(ctx)
	if err != nil {
		return nil, err
	}
	return balancer.Load(filepath.Join(root, "deploy", "ecs"))
}

func (f *flags) start(ctx context.Context, setup *balancer.Setup) (balancer.Balancer, error) {
	options := balancer.Options{HealthScale: healthScale}
	if f.Balancer == "haproxy" {
		return balancer.StartHAProxy(ctx, setup, options)
	}
	return balancer.Start(ctx, setup, options)
}

// script gives what is to be played.
func (f *flags) script() play.Script {
	seed := f.Seed
	if seed == 0 {
		seed = rand.Uint64N(1_000_000) //nolint:gosec // it is shown, to be used again
	}
	s := play.Script{Seed: seed, Order: f.Order, KillOwner: f.KillOwner, Pause: f.Pause, Load: load.Default()}
	s.Load.Rate, s.Load.Seed = f.Rate, seed
	switch f.Order {
	case "tutorial":
		s.Title, s.Scenes = "The tutorial's cutover, and back", play.Tutorial()
	case "strangler":
		s.Title, s.Scenes = "One service after another", play.Strangler()
	case "random":
		order := play.RandomOrder(rand.New(rand.NewPCG(seed, 0))) //nolint:gosec // a choice that can be repeated
		s.Title, s.Scenes, s.Gap, s.Order = "The tutorial's steps in a random order", order.Scenes(), order.Gap(), order.String()
	default:
		s.Title, s.Scenes = "The cutover, there and back", slices.Concat(play.Tutorial(), play.Strangler())
	}
	return s
}

// writable tells why a file cannot be written, if a name is given. It makes it if need be.
func writable(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644) //nolint:gosec // a report is for everybody
	if err != nil {
		return err
	}
	return f.Close()
}

// tell writes a result out, the verdict first.
func (f *flags) tell(res result.Result) error {
	if !f.JSON {
		if err := report.Summary(os.Stdout, res); err != nil {
			return err
		}
	}
	page, err := os.Create(f.Out)
	if err != nil {
		return err
	}
	if err := errors.Join(report.HTML(page, res), page.Close()); err != nil {
		return err
	}
	if f.Plot != "" {
		plot, err := os.Create(f.Plot)
		if err != nil {
			return err
		}
		if err := errors.Join(report.Plot(plot, res), plot.Close()); err != nil {
			return err
		}
	}
	if f.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(res)
	}
	_, err = fmt.Printf("The report is in %s\n", f.Out)
	return err
}
