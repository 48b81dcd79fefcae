package serve

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/peer"
)

// Exit codes.
const (
	exitFailure = 1
	exitUsage   = 2
	exitHeld    = 3 // another process holds the store
	exitAborted = 4 // a handoff was broken off
	exitTarget  = 5 // there is no such target, or it is not able
	// exitSignal and the signal's number is the code of a process that a second signal
	// ended, as shells have it.
	exitSignal = 128
)

// envPrefix begins the name of the environment variable of every flag.
const envPrefix = "SPLITBOARD"

// The commands of a binary that has stores.
type storeCommands struct {
	Serve   serveCommand   `cmd:"" default:"withargs" help:"Serve the API. Without a command, this is what happens; \"help serve\" has its flags."`
	Status  statusCommand  `cmd:"" help:"Tell whether the stores are served, by whom, and where they stand."`
	Handoff handoffCommand `cmd:"" help:"Move a store to another process on the same data folder, while requests keep coming."`
	Import  importCommand  `cmd:"" help:"Fill stores that are empty with the records in a JSON file."`
	Export  exportCommand  `cmd:"" help:"Write the records to a JSON file, whether or not the stores are served."`
	Backup  backupCommand  `cmd:"" help:"Make a consistent copy of a store, whether or not it is served."`
	Check   checkCommand   `cmd:"" help:"Verify every invariant of a store that is not served."`
	Migrate migrateCommand `cmd:"" help:"Raise a store to this binary's schema; older binaries then refuse it."`
	commonCommands
}

// The commands of a binary that has none.
type edgeCommands struct {
	Serve  edgeServeCommand  `cmd:"" default:"withargs" help:"Serve the REST API over remote services. Without a command, this is what happens; \"help serve\" has its flags."`
	Status edgeStatusCommand `cmd:"" help:"Tell whether the remote services serve."`
	commonCommands
}

type commonCommands struct {
	Health  healthCommand  `cmd:"" help:"Tell whether the process that listens on --http takes requests."`
	Version versionCommand `cmd:"" help:"Print the version."`
	Help    helpCommand    `cmd:"" help:"Print help for a command."`
}

// What the commands share.
type app struct {
	binary Binary
	stdout io.Writer
	stderr io.Writer
	exit   func(code int) // ends the program without unwinding
}

type httpFlag struct {
	HTTP string `name:"http" default:":3000" help:"Address of the REST API."`
}

func (f *httpFlag) validate() error { return checkAddress("http", f.HTTP) }

type listenFlags struct {
	httpFlag
	Drain time.Duration  `name:"drain" default:"5s" help:"After SIGTERM, how long to go on answering as not ready before closing. Ctrl-C does not wait."`
	Log   observe.Format `name:"log" enum:"text,json" default:"text" help:"Format of both logs: text or json. The access log goes to standard output, the other to standard error."`
}

// validate finds what cannot be. kong calls the Validate of commands alone.
func (f *listenFlags) validate() error {
	if f.Drain < 0 {
		return errors.New("--drain is negative")
	}
	return f.httpFlag.validate()
}

type dataFlag struct {
	Data string `name:"data" default:"./data" help:"Data folder; each service has a folder of its own in it."`
}

// Validate finds a folder without a name. The commands that embed the flag have it.
func (f *dataFlag) Validate() error {
	if f.Data == "" {
		return errors.New("--data is empty")
	}
	return nil
}

// The flags of the commands that lock a store.
type storeFlags struct {
	dataFlag
	AllowNetworkFS bool `name:"allow-network-fs" help:"Take a data folder on a network file system, whose locks can be lost."`
}

type serveCommand struct {
	listenFlags
	GRPC string `name:"grpc" default:":50051" help:"Address of the gRPC API."`
	storeFlags
	Seed         string `name:"seed" default:"sample" placeholder:"sample|none|FILE" help:"What an empty board is filled with: the sample board, which is the default, nothing, or a JSON file that import takes."`
	Create       string `name:"create" enum:"auto,never" default:"auto" help:"Whether to start a new store where there is none: auto or never. With never, a disk that is not mounted cannot become an empty board."`
	NoOwn        bool   `name:"no-own" help:"Never own a store: forward every request to the process that does."`
	kong.Plugins        // the addresses of the peers
}

// Validate finds what cannot be.
func (c *serveCommand) Validate() error {
	return errors.Join(c.validate(), checkAddress("grpc", c.GRPC), c.dataFlag.Validate())
}

type edgeServeCommand struct {
	listenFlags
	kong.Plugins // the addresses of the upstreams
}

// Validate finds what cannot be.
func (c *edgeServeCommand) Validate() error { return c.validate() }

// An address is the flag that says where a remote service is.
type address interface {
	service() string
	target() string
}

// The ports differ so that the three services can run on one machine with their
// defaults in the others' flags.
type (
	usersAddress struct {
		Addr string `name:"users-addr" default:"localhost:50051" help:"gRPC targets of the users service: host:port, or srv:NAME for where the SRV records of NAME lead, or several in order of preference, separated by commas."`
	}
	threadsAddress struct {
		Addr string `name:"threads-addr" default:"localhost:50052" help:"gRPC targets of the threads service: host:port, or srv:NAME for where the SRV records of NAME lead, or several in order of preference, separated by commas."`
	}
	postsAddress struct {
		Addr string `name:"posts-addr" default:"localhost:50053" help:"gRPC targets of the posts service: host:port, or srv:NAME for where the SRV records of NAME lead, or several in order of preference, separated by commas."`
	}
)

func (*usersAddress) service() string   { return "users" }
func (a *usersAddress) target() string  { return a.Addr }
func (a *usersAddress) Validate() error { return checkTargets(a) }

func (*threadsAddress) service() string   { return "threads" }
func (a *threadsAddress) target() string  { return a.Addr }
func (a *threadsAddress) Validate() error { return checkTargets(a) }

func (*postsAddress) service() string   { return "posts" }
func (a *postsAddress) target() string  { return a.Addr }
func (a *postsAddress) Validate() error { return checkTargets(a) }

// addressFlags gives the flags for the services that the binary has to dial.
func addressFlags(b *Binary) kong.Plugins {
	var flags kong.Plugins
	names := b.peers()
	for _, a := range []address{new(usersAddress), new(threadsAddress), new(postsAddress)} {
		if slices.Contains(names, a.service()) {
			flags = append(flags, a)
		}
	}
	return flags
}

// targets gives the flags' values by service.
func targets(flags kong.Plugins) map[string]string {
	m := make(map[string]string, len(flags))
	for _, f := range flags {
		if a, ok := f.(address); ok {
			m[a.service()] = a.target()
		}
	}
	return m
}

func checkTargets(a address) error {
	if err := peer.Check(a.target()); err != nil {
		return fmt.Errorf("--%s-addr: %w", a.service(), err)
	}
	return nil
}

func checkAddress(flag, addr string) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return fmt.Errorf("--%s %q is not an address to listen on, as :3000 or 127.0.0.1:3000", flag, addr)
	}
	return nil
}

// commands gives the binary's commands, for kong to fill.
func commands(b *Binary) any {
	if len(b.Services) == 0 {
		c := new(edgeCommands)
		c.Serve.Plugins = addressFlags(b)
		c.Status.Plugins = addressFlags(b)
		return c
	}
	c := new(storeCommands)
	c.Serve.Plugins = addressFlags(b)
	return c
}

func newParser(b *Binary, commands any, stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(commands,
		kong.Name(b.Name),
		kong.Description(b.About+"\n\nEvery flag has an environment variable: SPLITBOARD_ and its name. "+
			"Exit codes: 0 success, 1 failure, 2 wrong usage, 3 another process holds the store, "+
			"4 a handoff was broken off, 5 it has no able target."),
		kong.DefaultEnvars(envPrefix),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
	)
}

// exited unwinds run when kong wants to exit, as it does after printing help.
type exited int

// run does what the arguments say and returns the exit code.
func run(b Binary, args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if v := recover(); v != nil {
			c, ok := v.(exited)
			if !ok {
				panic(v)
			}
			code = int(c)
		}
	}()
	parser, err := newParser(&b, commands(&b), stdout, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", b.Name, err)
		return exitFailure
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	ctx, err := parser.Parse(args)
	if err == nil {
		err = ctx.Run(&app{binary: b, stdout: stdout, stderr: stderr, exit: os.Exit})
	}
	if err == nil {
		return 0
	}
	if _, wrong := errors.AsType[*kong.ParseError](err); wrong || errors.Is(err, errUsage) {
		fmt.Fprintf(stderr, "%s: %v\nRun \"%s help\" to see what there is.\n", b.Name, err, b.Name)
		return exitUsage
	}
	if !errors.Is(err, errReported) {
		fmt.Fprintf(stderr, "%s: %s\n", b.Name, strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	switch {
	case errors.Is(err, lease.ErrHeld):
		return exitHeld
	case errors.Is(err, errHandoffAborted):
		return exitAborted
	case errors.Is(err, errNoTarget):
		return exitTarget
	}
	return exitFailure
}

// errUsage says that the command line asks for what the program does not have.
var errUsage = errors.New("wrong usage")

// errReported is a failure that the command has told of already.
var errReported = errors.New("reported")

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(a *app) error {
	_, err := fmt.Fprintln(a.stdout, a.binary.Name, Version())
	return err
}

type helpCommand struct {
	Command string `arg:"" optional:"" help:"The command to explain."`
}
