package edge

import (
	"net/http"
	"strings"

	"google.golang.org/grpc"
)

// The names of the services, as the keys of conns have them.
const (
	users   = "users"
	threads = "threads"
	posts   = "posts"
)

// New returns the REST face of the services in conns, which are named "users", "threads"
// and "posts"; the paths of those that are not there do not exist. While draining says
// so, the two health texts answer 503, and all else goes on as before.
func New(conns map[string]grpc.ClientConnInterface, draining func() bool) http.Handler {
	return newFace(conns, draining)
}

func newFace(conns map[string]grpc.ClientConnInterface, draining func() bool, more ...route) http.Handler {
	mux := http.NewServeMux()
	for _, rt := range append(routes(conns, draining), more...) {
		rt.register(mux)
	}
	mux.HandleFunc("/", notFound)
	return cleanPaths{mux}
}

func notFound(w http.ResponseWriter, r *http.Request) { fail(w, r, errPath) }

// cleanPaths keeps paths that ServeMux would redirect away from it: a client that builds
// such a path has a fault that a redirect would hide, and a redirected POST is lost.
type cleanPaths struct{ mux *http.ServeMux }

func (c cleanPaths) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isClean(r.URL.Path) {
		notFound(w, r)
		return
	}
	c.mux.ServeHTTP(w, r)
}

// isClean tells whether a path is rooted and has no empty, `.` or `..` segments, but for
// an empty last one.
func isClean(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return true
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(path[1:], "/"), "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return true
}
