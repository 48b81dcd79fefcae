package edge

import (
	"net/http"
	"strings"

	"google.golang.org/grpc"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// route is one path and what it does for each method. HEAD goes wherever GET goes, and
// OPTIONS everywhere.
type route struct {
	path                     string // without the optional trailing slash
	get, post, patch, delete http.HandlerFunc
}

// routes is the whole REST surface: proto/rest.yaml's rules for the services in conns,
// and the two health texts.
func routes(conns map[string]grpc.ClientConnInterface, draining func() bool) []route {
	table := []route{
		{path: "/", get: readiness("Ready to receive requests", draining)},
		{path: "/api", get: readiness("API ready to receive requests", draining)},
	}
	gw := newGateway(conns)
	if conn, ok := conns[users]; ok {
		read := newReader(conn)
		table = append(table,
			route{path: "/api/users", get: read.listUsers, post: gw.create(new(usersv1.User))},
			route{path: "/api/users/{id}", get: read.getUser, patch: gw.update(new(usersv1.User), currentUser(conn))},
		)
	}
	if conn, ok := conns[threads]; ok {
		read := newReader(conn)
		table = append(table,
			route{path: "/api/threads", get: read.listThreads, post: gw.create(new(threadsv1.Thread))},
			route{path: "/api/threads/{id}", get: read.getThread, patch: gw.update(new(threadsv1.Thread), currentThread(conn))},
		)
	}
	if conn, ok := conns[posts]; ok {
		read := newReader(conn)
		table = append(table,
			route{path: "/api/posts", get: read.listPosts, post: gw.create(new(postsv1.Post))},
			route{path: "/api/posts/in-thread/{thread}", get: read.listPostsInThread},
			route{path: "/api/posts/by-user/{user}", get: read.listPostsByUser},
			route{path: "/api/posts/{id}", get: read.getPost, patch: gw.update(new(postsv1.Post), currentPost(conn)), delete: gw.delete(currentPost(conn))},
		)
	}
	return table
}

// register adds the route's patterns, with and without a trailing slash.
func (rt route) register(mux *http.ServeMux) {
	if rt.path != "/" {
		mux.Handle(rt.path, rt.handler())
	}
	mux.Handle(strings.TrimSuffix(rt.path, "/")+"/{$}", rt.handler())
}

// methods gives the methods that the route takes, in the order of the header Allow.
func (rt route) methods() []string {
	var methods []string
	add := func(handler http.HandlerFunc, names ...string) {
		if handler != nil {
			methods = append(methods, names...)
		}
	}
	add(rt.delete, http.MethodDelete)
	add(rt.get, http.MethodGet, http.MethodHead)
	methods = append(methods, http.MethodOptions)
	add(rt.patch, http.MethodPatch)
	add(rt.post, http.MethodPost)
	return methods
}

// handler chooses by method.
func (rt route) handler() http.Handler {
	return &resource{route: rt, allow: []string{strings.Join(rt.methods(), ", ")}}
}

type resource struct {
	route
	allow []string
}

func (rs *resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var handle http.HandlerFunc
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		handle = rs.get
	case http.MethodPost:
		handle = rs.post
	case http.MethodPatch:
		handle = rs.patch
	case http.MethodDelete:
		handle = rs.delete
	case http.MethodOptions:
		handle = rs.options
	}
	if handle == nil {
		w.Header()["Allow"] = rs.allow
		fail(w, r, errMethod)
		return
	}
	handle(w, r)
}

func (rs *resource) options(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Allow"] = rs.allow
	if rs.patch != nil {
		w.Header()["Accept-Patch"] = acceptPatch
	}
	w.WriteHeader(http.StatusNoContent)
}

// readiness answers with a text that load balancers ask for. It asks no store: one that
// hangs must not take the others' paths out of service.
func readiness(text string, draining func() bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if draining() {
			w.Header()["Retry-After"] = retryAfter
			writeText(w, http.StatusServiceUnavailable, "draining")
			return
		}
		writeText(w, http.StatusOK, text)
	}
}
