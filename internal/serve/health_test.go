package serve

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// listenAll starts the fake on all addresses of the machine.
func listenAll(c *Config) { c.HTTP = ":0" }

func TestHealth(t *testing.T) {
	r := start(t, listenAll)
	_, port, err := net.SplitHostPort(r.HTTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	// A proxy from the environment would not know this machine's ports.
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	for _, b := range []Binary{fakeBinary(nil), twoBinary(), edgeBinary()} {
		for _, addr := range []string{":" + port, "0.0.0.0:" + port, "[::]:" + port, "127.0.0.1:" + port, "localhost:" + port} {
			if code, stdout, stderr := runFake(b, "health", "--http", addr); code != 0 || stdout != "healthy\n" {
				t.Errorf("%s health --http %s: exit %d, %s%s", b.Name, addr, code, stdout, stderr)
			}
		}
	}
	t.Setenv("SPLITBOARD_HTTP", ":"+port)
	if code, _, stderr := runFake(fakeBinary(nil), "health"); code != 0 {
		t.Errorf("by the environment: exit %d, %s", code, stderr)
	}
	if code, _, stderr := runFake(fakeBinary(nil), "health", "--http", "3000"); code != exitUsage || !strings.Contains(stderr, "is not an address") {
		t.Errorf("no address: exit %d, %s", code, stderr)
	}

	r.draining.Store(true)
	if code, _, stderr := runFake(fakeBinary(nil), "health"); code != exitFailure || !strings.Contains(stderr, "503") {
		t.Errorf("while it drains: exit %d, %s", code, stderr)
	}
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := runFake(fakeBinary(nil), "health"); code != exitFailure || !strings.Contains(stderr, "refused") {
		t.Errorf("nobody is there: exit %d, %s", code, stderr)
	}
}

func TestHealthOfAForwarder(t *testing.T) {
	data := shared(t)
	startAs(t, "users", data, nil)
	r := startAs(t, "users", data, neverOwn)
	if code, _, stderr := runFake(fakeBinary(nil), "health", "--http", r.HTTPAddr()); code != 0 {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// What is not an answer of the process itself, or none in time, is no health.
func TestHealthOfSomethingElse(t *testing.T) {
	healthy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer healthy.Close()
	for what, c := range map[string]struct {
		handler http.HandlerFunc
		says    string
	}{
		"a redirect to a healthy one": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, healthy.URL, http.StatusFound)
		}, "302 Found"},
		"no content":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "204"},
		"another program": {http.NotFound, "404"},
		"a slow answer":   {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "Timeout"},
	} {
		t.Run(what, func(t *testing.T) {
			s := httptest.NewServer(c.handler)
			defer s.Close()
			began := time.Now()
			code, _, stderr := runFake(edgeBinary(), "health", "--http", s.Listener.Addr().String())
			if took := time.Since(began); code != exitFailure || !strings.Contains(stderr, c.says) || took > 2*healthTimeout {
				t.Errorf("exit %d after %v, %q; want %q", code, took, stderr, c.says)
			}
		})
	}
}
