package edge

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

// The table and proto/rest.yaml must not drift apart: the OpenAPI document is made of
// the latter.
func TestRoutesAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../gen/openapi/splitboard.swagger.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	contract := make(map[string][]string)
	for path, operations := range document.Paths {
		for method := range operations {
			if method = strings.ToUpper(method); method != "PARAMETERS" {
				contract[path] = append(contract[path], method)
			}
		}
		slices.Sort(contract[path])
	}
	served := make(map[string][]string)
	for _, rt := range routes(newFakeBoard().conns(), serving) {
		if rt.path == "/" || rt.path == "/api" {
			continue // texts for load balancers, no RPCs
		}
		served[rt.path] = slices.DeleteFunc(rt.methods(), func(method string) bool {
			return method == http.MethodHead || method == http.MethodOptions
		})
	}
	if !maps.EqualFunc(contract, served, slices.Equal) {
		t.Errorf("served are    %v\nthe contract: %v", served, contract)
	}
	if len(served) == 0 {
		t.Error("no routes")
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	for path, allow := range map[string]string{
		"/":                      "GET, HEAD, OPTIONS",
		"/api":                   "GET, HEAD, OPTIONS",
		"/api/":                  "GET, HEAD, OPTIONS",
		"/api/users":             "GET, HEAD, OPTIONS, POST",
		"/api/users/5":           "GET, HEAD, OPTIONS, PATCH",
		"/api/threads":           "GET, HEAD, OPTIONS, POST",
		"/api/threads/6":         "GET, HEAD, OPTIONS, PATCH",
		"/api/posts":             "GET, HEAD, OPTIONS, POST",
		"/api/posts/":            "GET, HEAD, OPTIONS, POST",
		"/api/posts/7":           "DELETE, GET, HEAD, OPTIONS, PATCH",
		"/api/posts/7/":          "DELETE, GET, HEAD, OPTIONS, PATCH",
		"/api/posts/in-thread/6": "GET, HEAD, OPTIONS",
		"/api/posts/by-user/5/":  "GET, HEAD, OPTIONS",
		"/api/users/bad":         "GET, HEAD, OPTIONS, PATCH",
	} {
		face := newFakeBoard().face()
		w := do(face, http.MethodOptions, path, "")
		wantAnswer(t, w, http.StatusNoContent, "", "Allow", allow, "Content-Type", "")
		if patch := w.Header().Get("Accept-Patch"); strings.Contains(allow, "PATCH") != (patch == "application/json, application/merge-patch+json") {
			t.Errorf("%s: Accept-Patch is %q", path, patch)
		}
		taken := strings.Split(allow, ", ")
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get"} {
			if slices.Contains(taken, method) {
				if w := do(face, method, path, `{}`); w.Code == http.StatusMethodNotAllowed {
					t.Errorf("%s %s is not allowed", method, path)
				}
				continue
			}
			w := do(face, method, path, `{}`, "X-HTTP-Method-Override", "GET")
			wantReason(t, w, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED")
			wantAnswer(t, w, http.StatusMethodNotAllowed, "", "Allow", allow)
		}
	}
}

func TestNoMethodOverride(t *testing.T) {
	t.Parallel()
	board := newFakeBoard()
	do(board.face(), http.MethodPost, "/api/users", `{}`, "X-HTTP-Method-Override", "GET")
	if got := board.last().method; got != "/splitboard.users.v1.UsersService/CreateUser" {
		t.Errorf("POST became %s", got)
	}
	w := do(board.face(), http.MethodPost, "/api/users", "username=x", "Content-Type", "application/x-www-form-urlencoded")
	wantReason(t, w, http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE")
}

func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"//", "/api//", "//api/users", "/api//users", "/api/users//", "/api/users/5//", "/api/./users", "/api/users/.", "/api/users/..", "/api/../api/users",
		"/api/users/%2e%2e/users", "/%2e/api", "/x", "/api/x", "/api/users/5/x", "/api/posts/in-thread/6/x", "/api/posts/in-thread//", "/API/users", "/api%2Fusers", "/index.html", "/healthz", "/.well-known/x",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
			w := do(newFakeBoard().face(), method, path, "")
			wantReason(t, w, http.StatusNotFound, "PATH_NOT_FOUND")
			wantAnswer(t, w, http.StatusNotFound, "", "Location", "", "Allow", "")
		}
	}
}

func TestOnlyTheServicesThatAreThere(t *testing.T) {
	t.Parallel()
	paths := map[string]string{users: "/api/users", threads: "/api/threads", posts: "/api/posts"}
	for only := range paths {
		face := New(newFakeBoard().conns(only), serving)
		for name, path := range paths {
			if name == only {
				wantAnswer(t, do(face, http.MethodGet, path, ""), http.StatusOK, "")
			} else {
				wantReason(t, do(face, http.MethodGet, path, ""), http.StatusNotFound, "PATH_NOT_FOUND")
				wantReason(t, do(face, http.MethodPatch, path+"/1", `{}`), http.StatusNotFound, "PATH_NOT_FOUND")
			}
		}
		wantAnswer(t, do(face, http.MethodGet, "/api", ""), http.StatusOK, "API ready to receive requests")
	}
}

func TestReadinessTexts(t *testing.T) {
	t.Parallel()
	drains := false
	face := New(nil, func() bool { return drains })
	for path, text := range map[string]string{"/": "Ready to receive requests", "/api": "API ready to receive requests", "/api/": "API ready to receive requests"} {
		drains = false
		wantAnswer(t, do(face, http.MethodGet, path, ""), http.StatusOK, text, "Content-Type", "text/plain; charset=utf-8", "Retry-After", "")
		drains = true
		wantAnswer(t, do(face, http.MethodGet, path, ""), http.StatusServiceUnavailable, "draining",
			"Content-Type", "text/plain; charset=utf-8", "Content-Length", "8", "Retry-After", "1")
	}
}
