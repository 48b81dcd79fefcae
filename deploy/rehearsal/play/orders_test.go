package play

import (
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/balancer"
	"github.com/splitboard/splitboard/deploy/rehearsal/cast"
	"github.com/splitboard/splitboard/deploy/rehearsal/load"
	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

var (
	allOrders    = flag.Bool("orders", false, "play all 24 orders of the tutorial's steps, and not two of them")
	randomOrders = flag.Int("random", 1, "how many random orders with kills are played")
	haproxy      = flag.Bool("haproxy", false, "play behind haproxy, which must be installed")
)

// programs are built once, by the test that asks first.
var programs struct {
	once sync.Once
	dir  string
	cast.Programs
	err error
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if programs.dir != "" {
		_ = os.RemoveAll(programs.dir)
	}
	os.Exit(code)
}

// rehearse plays a script on a stage of its own.
func rehearse(t *testing.T, script Script) result.Result {
	t.Helper()
	programs.once.Do(func() {
		if programs.dir, programs.err = os.MkdirTemp("", "sbp-"); programs.err == nil { //nolint:usetesting // it outlives this test
			programs.Programs, programs.err = cast.Build(t.Context(), programs.dir)
		}
	})
	if programs.err != nil {
		t.Fatal(programs.err)
	}
	data, err := cast.Folder(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	setup, err := balancer.Load("../../ecs")
	if err != nil {
		t.Fatal(err)
	}
	var b balancer.Balancer
	options := balancer.Options{HealthScale: 20}
	if *haproxy {
		b, err = balancer.StartHAProxy(t.Context(), setup, options)
	} else {
		b, err = balancer.Start(t.Context(), setup, options)
	}
	if err != nil {
		t.Fatal(err)
	}
	script.Pause = 300 * time.Millisecond
	script.Load = load.Default()
	script.Load.Rate, script.Load.Clients, script.Load.Seed = 400, 16, script.Seed
	res, err := NewRehearsal(script, NewStage(programs.Programs, data, b, setup)).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v := res.Verdict
	t.Logf("%s: %d requests, %d failed, %d without a target; %d acknowledged writes, %d lost, %d doubled; p99 %v, max %v, longest hold %v",
		script.Order, v.Requests, v.Failed, v.NoTarget, v.Acknowledged, v.Lost, v.Doubled, v.P99, v.Max, v.LongestHold)
	if !v.Pass {
		t.Errorf("it did not pass: %q", v.Why)
	}
	return res
}

// orders gives all 24 orders.
func orders() []Order {
	var all []Order
	var extend func(o Order)
	extend = func(o Order) {
		if len(o) == len(steps) {
			all = append(all, slices.Clone(o))
			return
		}
		for i := range steps {
			if !slices.Contains(o, i) {
				extend(append(o, i))
			}
		}
	}
	extend(nil)
	return all
}

// whole are the orders that leave no path without a target at any moment.
var whole = []string{"services, rules, api, monolith", "rules, services, api, monolith"}

func TestGap(t *testing.T) {
	var without []string
	for _, o := range orders() {
		if !o.Gap() {
			without = append(without, o.String())
		}
	}
	if len(orders()) != 24 || !slices.Equal(without, whole) {
		t.Errorf("of %d orders those without a gap are %q, want %q", len(orders()), without, whole)
	}
	t.Logf("orders that leave every path a target: %q", without)
}

// TestOrders plays the tutorial's four steps in one order after another. Requests may
// fail only where there was no target.
func TestOrders(t *testing.T) {
	for i, o := range orders() {
		if !*allOrders && o.String() != whole[1] && i != len(orders())-1 {
			continue
		}
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			res := rehearse(t, Script{Order: o.String(), Seed: uint64(i), Scenes: o.Scenes(), Gap: o.Gap()})
			if o.Gap() && res.Verdict.NoTarget == 0 {
				t.Error("no request was without a target: is there a gap?")
			}
		})
	}
}

// TestRandomOrders plays random orders, and kills an owner after each step.
func TestRandomOrders(t *testing.T) {
	for i := range *randomOrders {
		o := RandomOrder(rand.New(rand.NewPCG(uint64(i), 1)))
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			rehearse(t, Script{Order: o.String() + ", with kills", Seed: uint64(i), Scenes: o.Scenes(), Gap: o.Gap(), KillOwner: true})
		})
	}
}

// TestScripts plays what the program plays.
func TestScripts(t *testing.T) {
	if !*allOrders {
		t.Skip("go run ./deploy/rehearsal plays these, and so does this test with -orders")
	}
	for i, scenes := range [][]Scene{Tutorial(), Strangler()} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			rehearse(t, Script{Order: scenes[0].Name, Seed: uint64(i), Scenes: scenes})
		})
	}
}
