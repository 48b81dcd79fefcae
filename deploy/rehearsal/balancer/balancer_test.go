package balancer

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// board starts a target for each group, named as the group is.
func board(t *testing.T, b Balancer, setup *Setup) {
	t.Helper()
	for name := range setup.Groups {
		register(t, b, name, addrOf(serving(t, name)))
	}
}

func addRules(t *testing.T, b Balancer, setup *Setup, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := b.AddRule(setup.Rules[name]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTutorial(t *testing.T) {
	eachBalancer(t, func(t *testing.T, start func(*Setup, Options) Balancer) {
		setup := testSetup(t)
		b := start(setup, Options{})
		answersNoTarget(t, b, "/", "api")
		board(t, b, setup)
		answers(t, b, "/api/users", "api") // by default
		addRules(t, b, setup, "api", "users", "threads", "posts")
		for _, path := range []string{"/api/users", "/api/threads/1", "/api/posts?x=/api/users", "/api/", "/x"} {
			answers(t, b, path, "api")
		}

		if err := b.DeleteRule("api"); err != nil {
			t.Fatal(err)
		}
		answers(t, b, "/api/users/1?x=/api/posts", "users")
		answers(t, b, "/api/threads", "threads")
		answers(t, b, "/api/posts/in-thread/1", "posts")
		answers(t, b, "/api/", "api") // by default
		if err := b.SetDefault(setup.Drop); err != nil {
			t.Fatal(err)
		}
		answersNoTarget(t, b, "/api/", NoTargetDefault)
		answersNoTarget(t, b, "/API/users", NoTargetDefault)
		answers(t, b, "/api/users", "users")

		// And back.
		if err := b.SetDefault(setup.Forward); err != nil {
			t.Fatal(err)
		}
		addRules(t, b, setup, "api")
		answers(t, b, "/api/users", "api")
	})
}

func TestStrangler(t *testing.T) {
	eachBalancer(t, func(t *testing.T, start func(*Setup, Options) Balancer) {
		setup := testSetup(t)
		b := start(setup, Options{})
		board(t, b, setup)
		addRules(t, b, setup, "api")
		if err := b.SetPriorities(setup.Strangler); err != nil {
			t.Fatal(err)
		}
		addRules(t, b, setup, "threads")
		answers(t, b, "/api/threads", "threads")
		answers(t, b, "/api/users", "api")
		addRules(t, b, setup, "users")
		answers(t, b, "/api/users", "users")
		answers(t, b, "/api/posts", "api")
		if err := b.DeleteRule("threads"); err != nil {
			t.Fatal(err)
		}
		answers(t, b, "/api/threads", "api")
	})
}

func TestRefusals(t *testing.T) {
	eachBalancer(t, func(t *testing.T, start func(*Setup, Options) Balancer) {
		setup := testSetup(t)
		b := start(setup, Options{})
		addRules(t, b, setup, "api")
		target := addrOf(serving(t, "a"))
		register(t, b, "users", target)
		for name, test := range map[string]struct{ got, want error }{
			"a rule again":            {b.AddRule(setup.Rules["api"]), ErrRuleExists},
			"a priority again":        {b.AddRule(Rule{"x", 1, []string{"/x"}, forward("users")}), ErrPriorityInUse},
			"a rule to nowhere":       {b.AddRule(Rule{"x", 2, []string{"/x"}, forward("x")}), ErrNoGroup},
			"no such rule":            {b.DeleteRule("x"), ErrNoRule},
			"a default to nowhere":    {b.SetDefault(forward("x")), ErrNoGroup},
			"a target to nowhere":     {b.Register("x", target), ErrNoGroup},
			"a target again":          {b.Register("users", target), nil},
			"no such target":          {b.Deregister("users", "127.0.0.1:1"), nil},
			"a target of other group": {b.Deregister("api", target), nil},
		} {
			if test.got == nil || (test.want != nil && !errors.Is(test.got, test.want)) {
				t.Errorf("%s: %v", name, test.got)
			}
		}
		answersNoTarget(t, b, "/api/users", "api") // nothing has changed
	})
}

// sick is a target whose health can be changed.
func sick(t *testing.T, name string) (s *httptest.Server, code *atomic.Int64) {
	t.Helper()
	code = new(atomic.Int64)
	code.Store(http.StatusServiceUnavailable)
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.WriteHeader(int(code.Load()))
			return
		}
		_, _ = io.WriteString(w, name+" ")
	}))
	t.Cleanup(s.Close)
	return s, code
}

func TestHealth(t *testing.T) {
	eachBalancer(t, func(t *testing.T, start func(*Setup, Options) Balancer) {
		var events diary
		b := start(testSetup(t), Options{OnHealth: events.add})
		well := serving(t, "well")
		register(t, b, "api", addrOf(well))
		other, code := sick(t, "other")
		if err := b.Register("api", addrOf(other)); err != nil {
			t.Fatal(err)
		}
		if got := stateOf(t, b, addrOf(other)); got != Initial {
			t.Errorf("a new target is %s", got)
		}
		for range 10 {
			answers(t, b, "/x", "well") // never the other one
		}
		code.Store(http.StatusOK)
		await(t, "healthy", func() bool { return stateOf(t, b, addrOf(other)) == Healthy })
		got := map[string]int{}
		for range 10 {
			r, err := newCaller(t, b.Addr()).do("GET", "/x", "")
			if err != nil {
				t.Fatal(err)
			}
			got[r.body[:4]]++
		}
		if got["well"] != 5 || got["othe"] != 5 {
			t.Errorf("not in turn: %v", got)
		}
		code.Store(http.StatusServiceUnavailable)
		await(t, "unhealthy", func() bool { return stateOf(t, b, addrOf(other)) == Unhealthy })
		for range 10 {
			answers(t, b, "/x", "well")
		}
		code.Store(http.StatusOK)
		await(t, "healthy again", func() bool { return stateOf(t, b, addrOf(other)) == Healthy })
		deregister(t, b, addrOf(other))
		states := slices.DeleteFunc(events.of(addrOf(other)), func(s State) bool { return s == Unhealthy })
		if want := []State{Initial, Healthy, Healthy, Draining, ""}; !slices.Equal(states, want) {
			t.Errorf("the events are %v, not %v", states, want)
		}
	})
}

// held is a target that answers when it is told to.
func held(t *testing.T) (s *httptest.Server, arrived chan struct{}, release func()) {
	t.Helper()
	arrived = make(chan struct{}, 10)
	answer := make(chan struct{})
	s = handling(t, func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-answer
		_, _ = io.WriteString(w, "held ")
	})
	release = sync.OnceFunc(func() { close(answer) })
	t.Cleanup(release) // before the server is closed, which waits for it
	return s, arrived, release
}

// ask sends a request and gives its answer later.
func ask(t *testing.T, b Balancer) (answer chan reply) {
	t.Helper()
	c := newCaller(t, b.Addr())
	answer = make(chan reply, 1)
	go func() {
		r, err := c.do("GET", "/x", "")
		if err != nil {
			r.body = err.Error()
		}
		answer <- r
	}()
	return answer
}

func TestDrainingWaitsForRequests(t *testing.T) {
	eachBalancer(t, func(t *testing.T, start func(*Setup, Options) Balancer) {
		b := start(testSetup(t), Options{})
		old, arrived, release := held(t)
		register(t, b, "api", addrOf(old))
		answer := ask(t, b)
		<-arrived
		if err := b.Deregister("api", addrOf(old)); err != nil {
			t.Fatal(err)
		}
		answersNoTarget(t, b, "/x", "api")
		next := serving(t, "next")
		register2(t, b, addrOf(next))
		for range 5 {
			answers(t, b, "/x", "next")
		}
		if got := stateOf(t, b, addrOf(old)); got != Draining {
			t.Errorf("with a request in progress it is %q", got)
		}
		release()
		if got := <-answer; got.code != http.StatusOK || got.body != "held " {
			t.Errorf("the request in progress was answered %d %q", got.code, got.body)
		}
		if err := WaitGone(within(t), b, "api", addrOf(old)); err != nil {
			t.Error(err)
		}
	})
}

// register2 registers a target in a group that has others that are not healthy.
func register2(t *testing.T, b Balancer, addr string) {
	t.Helper()
	if err := b.Register("api", addr); err != nil {
		t.Fatal(err)
	}
	await(t, "healthy", func() bool { return stateOf(t, b, addr) == Healthy })
}

func TestDrainingEndsWithTheDelay(t *testing.T) {
	eachBalancer(t, func(t *testing.T, start func(*Setup, Options) Balancer) {
		setup := testSetup(t)
		group := setup.Groups["api"]
		group.DeregistrationDelay = 50 * time.Millisecond
		setup.Groups["api"] = group
		b := start(setup, Options{})
		old, arrived, _ := held(t)
		register(t, b, "api", addrOf(old))
		answer := ask(t, b)
		<-arrived
		deregister(t, b, addrOf(old))
		if got := <-answer; got.code == http.StatusOK || strings.Contains(got.body, "timeout") {
			t.Errorf("the request that took too long was answered %d %q", got.code, got.body)
		}
	})
}

func TestTargetComesBackWhileItDrains(t *testing.T) {
	eachBalancer(t, func(t *testing.T, start func(*Setup, Options) Balancer) {
		b := start(testSetup(t), Options{})
		target, arrived, release := held(t)
		addr := addrOf(target)
		register(t, b, "api", addr)
		first := ask(t, b)
		<-arrived
		if err := b.Deregister("api", addr); err != nil {
			t.Fatal(err)
		}
		if err := b.Register("api", addr); err != nil {
			t.Fatal(err)
		}
		await(t, "healthy", func() bool {
			targets, err := b.TargetHealth("api")
			return err == nil && slices.Equal(targets, []TargetHealth{{addr, Draining}, {addr, Healthy}})
		})
		second := ask(t, b)
		<-arrived
		release()
		for _, answer := range []chan reply{first, second} {
			if got := <-answer; got.code != http.StatusOK {
				t.Errorf("answered %d %q", got.code, got.body)
			}
		}
		await(t, "one target", func() bool {
			targets, err := b.TargetHealth("api")
			return err == nil && slices.Equal(targets, []TargetHealth{{addr, Healthy}})
		})
	})
}

// traffic keeps clients asking until end is called, which gives how many requests were
// answered and what went wrong.
func traffic(t *testing.T, b Balancer, clients int) (end func() (answered int, failures []string)) {
	t.Helper()
	var (
		stop    = make(chan struct{})
		running sync.WaitGroup
		mu      sync.Mutex
		n       int
		failed  []string
	)
	for range clients {
		c := newCaller(t, b.Addr())
		running.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				method, body := "GET", ""
				if i%2 == 1 {
					method, body = "POST", "some text"
				}
				r, err := c.do(method, "/x", body)
				mu.Lock()
				switch {
				case err != nil:
					failed = append(failed, err.Error())
				case r.code != http.StatusOK:
					failed = append(failed, r.body)
				default:
					n++
				}
				mu.Unlock()
			}
		})
	}
	return func() (int, []string) {
		close(stop)
		running.Wait()
		return n, failed
	}
}

func TestTargetsChangeUnderLoad(t *testing.T) {
	const rounds = 10
	eachBalancer(t, func(t *testing.T, start func(*Setup, Options) Balancer) {
		b := start(testSetup(t), Options{})
		now := serving(t, "0")
		register(t, b, "api", addrOf(now))
		end := traffic(t, b, 8)
		for range rounds {
			next := serving(t, "next")
			register2(t, b, addrOf(next))
			deregister(t, b, addrOf(now))
			now.Close()
			now = next
		}
		answered, failures := end()
		if answered < 10*rounds || len(failures) > 0 {
			t.Errorf("%d requests were answered, %d failed: %.5q", answered, len(failures), failures)
		}
		t.Logf("%d requests, no failure, while %d targets went", answered, rounds)
	})
}

// TestTargetsDieUnderLoad is the control of the test before: without deregistration, the
// clients notice.
func TestTargetsDieUnderLoad(t *testing.T) {
	eachBalancer(t, func(t *testing.T, start func(*Setup, Options) Balancer) {
		b := start(testSetup(t), Options{})
		old := serving(t, "old")
		register(t, b, "api", addrOf(old), addrOf(serving(t, "new")))
		end := traffic(t, b, 8)
		old.Listener.Close()
		old.CloseClientConnections()
		await(t, "unhealthy", func() bool { return stateOf(t, b, addrOf(old)) == Unhealthy })
		if _, failures := end(); len(failures) == 0 {
			t.Error("nobody noticed that a target died")
		}
	})
}
