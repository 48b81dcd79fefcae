// Package cloudmap plays AWS Cloud Map with private DNS: it registers the instances of
// services in the emulator, and answers DNS queries for them.
package cloudmap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/servicediscovery"
	"github.com/aws/aws-sdk-go-v2/service/servicediscovery/types"
)

// Names are the instances of all services.
type Names struct {
	api *servicediscovery.Client

	mu       sync.Mutex
	services map[string]*service      // by registry's ARN
	zones    map[string]time.Duration // the namespaces' names, and how long a missing name is remembered
	misses   map[question]miss
}

// A service is a registry, as ECS calls it, and its name in the DNS.
type service struct {
	id, name  string // "srv-…", "users.splitboard.internal."
	ttl       uint32
	instances map[string]*instance
}

type instance struct {
	addr    netip.AddrPort
	healthy bool
}

// New makes Names that nobody has registered yet.
func New(api *servicediscovery.Client) *Names {
	return &Names{api: api, services: map[string]*service{}, zones: map[string]time.Duration{}, misses: map[question]miss{}}
}

// Register registers an instance, which is not healthy yet.
func (n *Names) Register(ctx context.Context, registry, id string, addr netip.AddrPort) error {
	s, err := n.service(ctx, registry)
	if err != nil {
		return err
	}
	if _, err := n.api.RegisterInstance(ctx, &servicediscovery.RegisterInstanceInput{
		ServiceId: &s.id, InstanceId: &id, CreatorRequestId: &id,
		Attributes: map[string]string{
			"AWS_INSTANCE_IPV4": addr.Addr().String(), "AWS_INSTANCE_PORT": strconv.Itoa(int(addr.Port())),
			"AWS_INIT_HEALTH_STATUS": "UNHEALTHY",
		},
	}); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s.instances[id] = &instance{addr: addr}
	return nil
}

// SetHealth says whether an instance is healthy.
func (n *Names) SetHealth(ctx context.Context, registry, id string, healthy bool) error {
	s, err := n.service(ctx, registry)
	if err != nil {
		return err
	}
	n.mu.Lock()
	i := s.instances[id]
	changed := i != nil && i.healthy != healthy
	if changed {
		i.healthy = healthy
	}
	n.mu.Unlock()
	if !changed {
		return nil
	}
	status := types.CustomHealthStatusUnhealthy
	if healthy {
		status = types.CustomHealthStatusHealthy
	}
	_, err = n.api.UpdateInstanceCustomHealthStatus(ctx, &servicediscovery.UpdateInstanceCustomHealthStatusInput{
		ServiceId: &s.id, InstanceId: &id, Status: status,
	})
	return err
}

// Deregister takes an instance out.
func (n *Names) Deregister(ctx context.Context, registry, id string) error {
	s, err := n.service(ctx, registry)
	if err != nil {
		return err
	}
	n.mu.Lock()
	delete(s.instances, id)
	n.mu.Unlock()
	_, err = n.api.DeregisterInstance(ctx, &servicediscovery.DeregisterInstanceInput{ServiceId: &s.id, InstanceId: &id})
	return err
}

// service gives a registry by its ARN, which it looks up once. It refuses one that ECS
// could not register tasks in that have a network of their own (bridge) and any port.
func (n *Names) service(ctx context.Context, registry string) (*service, error) {
	n.mu.Lock()
	s := n.services[registry]
	n.mu.Unlock()
	if s != nil {
		return s, nil
	}
	id := registry[strings.LastIndexByte(registry, '/')+1:]
	got, err := n.api.GetService(ctx, &servicediscovery.GetServiceInput{Id: &id})
	if err != nil {
		return nil, err
	}
	namespace, err := n.api.GetNamespace(ctx, &servicediscovery.GetNamespaceInput{Id: got.Service.NamespaceId})
	if err != nil {
		return nil, err
	}
	config := got.Service.DnsConfig
	if config == nil || len(config.DnsRecords) != 1 || config.DnsRecords[0].Type != types.RecordTypeSrv ||
		config.RoutingPolicy != types.RoutingPolicyMultivalue {
		return nil, fmt.Errorf("%s is not for SRV records, multivalue, which alone name a port", registry)
	}
	if got.Service.HealthCheckCustomConfig == nil {
		return nil, errors.New(registry + " has no HealthCheckCustomConfig, through which ECS tells the health of tasks")
	}
	zone := aws.ToString(namespace.Namespace.Name) + "."
	s = &service{
		id: id, name: aws.ToString(got.Service.Name) + "." + zone,
		ttl: uint32(aws.ToInt64(config.DnsRecords[0].TTL)), instances: map[string]*instance{}, //nolint:gosec // seconds
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if other := n.services[registry]; other != nil {
		return other, nil
	}
	n.services[registry] = s
	n.zones[zone] = negativeTTL(namespace.Namespace.Properties)
	return s, nil
}

// negativeTTL gives how long a resolver remembers that a name of a namespace is missing.
func negativeTTL(of *types.NamespaceProperties) time.Duration {
	if of == nil || of.DnsProperties == nil || of.DnsProperties.SOA == nil || of.DnsProperties.SOA.TTL == nil {
		return defaultNegativeTTL
	}
	return time.Duration(*of.DnsProperties.SOA.TTL) * time.Second
}

// answering gives the instances that a query for the name is answered with: the healthy
// ones, and all if none is healthy.
func (n *Names) answering(name string) (instances map[string]netip.AddrPort, ttl uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	instances = map[string]netip.AddrPort{}
	for s := range maps.Values(n.services) {
		if s.name != name {
			continue
		}
		anyHealthy := slices.ContainsFunc(slices.Collect(maps.Values(s.instances)), func(i *instance) bool { return i.healthy })
		for id, i := range s.instances {
			if i.healthy || !anyHealthy {
				instances[id] = i.addr
			}
		}
		return instances, s.ttl
	}
	return nil, 0
}

// host gives the address of one instance.
func (n *Names) host(id, service string) (netip.Addr, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for s := range maps.Values(n.services) {
		if i := s.instances[id]; i != nil && s.name == service {
			return i.addr.Addr(), true
		}
	}
	return netip.Addr{}, false
}
