package play

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
)

// A Scene is one thing that is done to the board while clients ask it.
type Scene struct {
	Name   string
	Detail string
	Do     func(ctx context.Context, s *Stage) error
}

// The tutorial's four steps.
var (
	deployServices = Scene{
		"Deploy the three services", "They find the monolith's stores owned, and forward to it.",
		func(ctx context.Context, s *Stage) error { return s.each(ctx, services, s.StartService) },
	}
	insertRules = Scene{
		"Insert their rules below /api*", "/api/users*, /api/threads* and /api/posts* stand behind /api*: nothing changes yet.",
		func(_ context.Context, s *Stage) error {
			for _, name := range services {
				if err := s.Balancer.AddRule(s.Setup.Rules[name]); err != nil {
					return err
				}
			}
			return nil
		},
	}
	deleteAPI = Scene{
		"Delete the /api* rule", "The cutover: from here on the load balancer sends to the services.",
		func(_ context.Context, s *Stage) error { return s.Balancer.DeleteRule(apiRule) },
	}
	stopMonolith = Scene{
		"Scale the monolith to 0", "SIGTERM: it hands each store to its service, and ends.",
		func(ctx context.Context, s *Stage) error { return s.StopMonolith(ctx) },
	}
)

// steps are the tutorial's, in its order.
var steps = []Scene{deployServices, insertRules, deleteAPI, stopMonolith}

// And back.
var (
	startMonolith = Scene{
		"Scale the monolith to 1", "It finds the stores owned by the services, and forwards to them.",
		func(ctx context.Context, s *Stage) error { return s.StartMonolith(ctx) },
	}
	insertAPI = Scene{
		"Insert the /api* rule", "The way back: all requests go to the monolith again.",
		func(_ context.Context, s *Stage) error { return s.Balancer.AddRule(s.Setup.Rules[apiRule]) },
	}
	deleteRules = Scene{
		"Delete the services' rules", "They stood behind /api*: nothing changes.",
		func(_ context.Context, s *Stage) error {
			for _, name := range services {
				if err := s.Balancer.DeleteRule(name); err != nil {
					return err
				}
			}
			return nil
		},
	}
	stopServices = Scene{
		"Scale the services to 0", "SIGTERM: each hands its store to the monolith, and ends.",
		func(ctx context.Context, s *Stage) error {
			lastFirst := slices.Clone(services)
			slices.Reverse(lastFirst)
			return s.each(ctx, lastFirst, s.StopService)
		},
	}
)

// Tutorial is the tutorial's cutover, and the whole way back.
func Tutorial() []Scene {
	return append(slices.Clone(steps), startMonolith, insertAPI, deleteRules, stopServices)
}

// Strangler moves one service after another, its rule above the monolith's.
func Strangler() []Scene {
	scenes := []Scene{{
		"Move /api* down", "Room above it for one service's rule after another.",
		func(_ context.Context, s *Stage) error { return s.Balancer.SetPriorities(s.Setup.Strangler) },
	}}
	for _, name := range services {
		scenes = append(scenes,
			Scene{
				"Deploy " + name + " and insert its rule above /api*", "Its requests go to it; it forwards them to the monolith.",
				func(ctx context.Context, s *Stage) error {
					if err := s.StartService(ctx, name); err != nil {
						return err
					}
					return s.Balancer.AddRule(s.Setup.Rules[name])
				},
			},
			Scene{
				"Hand the " + name + " store to its service", "splitboard handoff " + name + " --to service",
				func(ctx context.Context, s *Stage) error {
					_, err := s.Operator().Handoff(ctx, name, "service")
					return err
				},
			})
	}
	return append(scenes, deleteAPI, stopMonolith)
}

// An Order is the tutorial's four steps in some order.
type Order []int

// RandomOrder gives one of them.
func RandomOrder(rng *rand.Rand) Order {
	return rng.Perm(len(steps))
}

// Scenes gives the order's scenes.
func (o Order) Scenes() []Scene {
	scenes := make([]Scene, 0, len(o))
	for _, i := range o {
		scenes = append(scenes, steps[i])
	}
	return scenes
}

// String names the steps by the first word that tells them apart.
func (o Order) String() string {
	words := []string{"services", "rules", "api", "monolith"}
	list := make([]string, 0, len(o))
	for _, i := range o {
		list = append(list, words[i])
	}
	return strings.Join(list, ", ")
}

// Gap tells whether the order has a moment in which some path has no target, from what
// the load balancer does: /api* goes before the services' rules while it is there, and
// what no rule matches is dropped.
func (o Order) Gap() bool {
	servicesUp, rules, api, monolith := false, false, true, true
	for _, i := range o {
		switch i {
		case 0:
			servicesUp = true
		case 1:
			rules = true
		case 2:
			api = false
		case 3:
			monolith = false
		}
		switch {
		case api && !monolith:
			return true
		case !api && (!rules || !servicesUp):
			return true
		}
	}
	return false
}
