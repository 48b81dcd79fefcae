package serve

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/splitboard/splitboard/internal/observe"
)

// Main does what the command line says and ends the program.
func Main(b Binary) { os.Exit(run(b, os.Args[1:], os.Stdout, os.Stderr)) }

// Run serves until a signal.
func (c *serveCommand) Run(a *app) error {
	return a.serve(&c.listenFlags, Config{
		GRPC: c.GRPC, Data: c.Data, Peers: targets(c.Plugins), Seed: c.Seed,
		NeverCreate: c.Create == "never", AllowNetworkFS: c.AllowNetworkFS, NeverOwn: c.NoOwn,
	})
}

// Run serves until a signal.
func (c *edgeServeCommand) Run(a *app) error {
	return a.serve(&c.listenFlags, Config{Peers: targets(c.Plugins)})
}

func (a *app) serve(f *listenFlags, c Config) error {
	c.HTTP, c.Drain, c.AccessFormat = f.HTTP, f.Drain, f.Log
	// Stores change hands, and the process ends, whether or not its log is read.
	sink := observe.NewSink(a.stderr)
	defer sink.Flush(lastWords)
	exit := a.exit
	a.exit = func(code int) { sink.Flush(lastWords); exit(code) }
	c.Exit = a.exit
	c.Log = observe.NewLogger(sink, f.Log)
	c.Access = a.stdout
	// The REST face has no logger of its own.
	slog.SetDefault(c.Log)
	tuneMemory()

	// Two, so that the second is not lost while the first is looked at.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	starting := make(chan started, 1)
	go func() {
		p, err := Start(ctx, a.binary, c)
		starting <- started{p, err}
	}()
	var s started
	var sig os.Signal
	select {
	case s = <-starting:
	case sig = <-signals:
		// A start that is not done is undone. One that is done all the same has told
		// the world that it is ready, and ends like any other.
		c.Log.Info("stopping", "signal", sig.String())
		cancel()
		select {
		case s = <-starting:
		case again := <-signals:
			return a.endAtOnce(c.Log, again)
		}
	}
	if s.err != nil {
		return s.err
	}
	return a.live(s.process, sig, signals)
}

// started is how a start went.
type started struct {
	process *Process
	err     error
}

// live runs a process until a signal, which may have come already, or until it breaks,
// and stops it.
func (a *app) live(p *Process, sig os.Signal, signals <-chan os.Signal) error {
	var failure error
	if sig == nil {
		broken := make(chan error, 1)
		go func() { broken <- p.Wait() }()
		select {
		case failure = <-broken:
			p.log.Error("stopping", "error", failure)
		case sig = <-signals:
			p.log.Info("stopping", "signal", sig.String())
		}
	}
	pause := p.config.Drain
	if failure != nil || sig == syscall.SIGINT {
		// Nothing can be answered; or it is a person at a terminal, to whom nothing
		// routes.
		pause = 0
	}
	stopped := make(chan error, 1)
	go func() { stopped <- p.stopAfter(context.Background(), pause) }()
	select {
	case err := <-stopped:
		if failure != nil {
			return failure
		}
		if err == nil {
			p.log.Info("stopped")
		}
		return err
	case sig := <-signals:
		return a.endAtOnce(p.log, sig)
	}
}

// endAtOnce is what a second signal does. A store survives it, as it survives a kill.
func (a *app) endAtOnce(log *slog.Logger, sig os.Signal) error {
	log.Warn("a second signal: ending at once", "signal", sig.String())
	code := exitFailure
	if n, ok := sig.(syscall.Signal); ok {
		code = exitSignal + int(n)
	}
	a.exit(code)
	return errReported
}

// lastWords is how long a process that ends waits for its log to be written.
const lastWords = 200 * time.Millisecond

const (
	// gcPercent lets the heap grow to five times what lives: writes gain 20 %.
	gcPercent = 400
	// memoryLimit is where the collector works harder instead. The smallest task has
	// 256 MiB, of which bbolt's mapped pages, which are not the collector's, need some.
	memoryLimit = 192 << 20
)

// tuneMemory sets the collector up, unless the environment does.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
