package serve

import (
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"google.golang.org/grpc"

	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/transfer"
)

// Service is one of the board's services, as a process embeds it.
type Service struct {
	// Name is its folder below --data, and its word in flags and messages: "users".
	Name string
	// Schema is what its store holds.
	Schema store.Schema
	// Peers are the names of the services that it asks.
	Peers []string
	// Desc describes its gRPC service.
	Desc *grpc.ServiceDesc
	// New makes its server over its open store. peers has what Peers names.
	New func(s *store.Store, peers map[string]grpc.ClientConnInterface) any
	// Table is how its records are imported and exported.
	Table transfer.Table
	// Sample is its part of the sample board, as import takes it; nil for none.
	Sample []byte
}

// Binary is one of the board's programs.
type Binary struct {
	// Name is the program's name.
	Name string
	// About says in a sentence what the program is, for its help.
	About string
	// Services are those that it embeds; none for edge.
	Services []Service
	// Upstreams are the remote services that its REST face fronts; edge has all three.
	Upstreams []string
	// REST makes its REST face over the services that it embeds or fronts. draining
	// tells whether the process is stopping.
	REST func(conns map[string]grpc.ClientConnInterface, draining func() bool) http.Handler
}

// peers gives the names of the services that the binary has to dial.
func (b *Binary) peers() []string {
	embedded := make(map[string]bool)
	for _, s := range b.Services {
		embedded[s.Name] = true
	}
	var names []string
	seen := make(map[string]bool)
	add := func(list []string) {
		for _, n := range list {
			if !embedded[n] && !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	for _, s := range b.Services {
		add(s.Peers)
	}
	add(b.Upstreams)
	return names
}

// service gives the embedded service of a name.
func (b *Binary) service(name string) (Service, bool) {
	i := slices.IndexFunc(b.Services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		return Service{}, false
	}
	return b.Services[i], true
}

// fronted gives the names of the services whose REST paths the binary serves.
func (b *Binary) fronted() []string {
	var names []string
	for _, s := range b.Services {
		names = append(names, s.Name)
	}
	return append(names, b.Upstreams...)
}

// Config is what the flags say. The zero value of a field that has no comment on it
// is of no use, or means none.
type Config struct {
	// HTTP and GRPC are the addresses to listen on. GRPC is unused without services.
	HTTP, GRPC string
	// Data is the data folder.
	Data string
	// Peers are the gRPC targets of the services that the binary has to dial, as
	// [peer.Dial] takes them.
	Peers map[string]string
	// Drain is how long a process that stops goes on answering while it says that it
	// is not ready; zero for not at all.
	Drain time.Duration
	// Seed is what an empty board is filled with: "sample", the name of a file that
	// import takes, or "none" or nothing.
	Seed string
	// NeverCreate refuses to start where there is no store.
	NeverCreate bool
	// AllowNetworkFS takes a data folder on a network file system.
	AllowNetworkFS bool
	// NeverOwn makes a process that only forwards to those who own the stores.
	NeverOwn bool

	// Log is the process's own log; nil for none.
	Log *slog.Logger
	// Access is where the access log goes; nil for nowhere.
	Access io.Writer
	// AccessFormat is how its lines look; empty for text.
	AccessFormat observe.Format
	// Exit ends the process at once when a store says that it must; nil for os.Exit.
	Exit func(code int)
}
