package files

import (
	"maps"
	"slices"
	"strings"
)

// checkDiscovery wants an SRV record of every service under the name by which the others
// ask for it.
func checkDiscovery(s *set, say report) {
	t := s.template
	zone := t.the("AWS::ServiceDiscovery::PrivateDnsNamespace", say)
	if zone.text("Name") != namespace {
		say(templateFile, "the namespace is %s, not %s", zone.text("Name"), namespace)
	}
	// A task that was the only one of its service is asked for while there is none.
	if ttl, ok := zone.property("Properties", "DnsProperties", "SOA", "TTL").(int); !ok || ttl > 10 {
		say(templateFile, "that a name is not there is remembered for %v s", zone.property("Properties", "DnsProperties", "SOA", "TTL"))
	}
	network := t.the("AWS::EC2::VPC", say)
	if network.property("EnableDnsSupport") != true || network.property("EnableDnsHostnames") != true {
		say(templateFile, "names in %s are not resolved without EnableDnsSupport and EnableDnsHostnames", namespace)
	}
	var found []string
	for _, registry := range t.ofType("AWS::ServiceDiscovery::Service") {
		name := registry.text("Name")
		found = append(found, name)
		records := list(registry.property("DnsConfig", "DnsRecords"))
		if len(records) != 1 || dig(records[0], "Type") != "SRV" {
			say(templateFile, "%s has not one SRV record: tasks in bridge mode have a port of their own", registry.name)
			continue
		}
		// What is asked is often asked when a task has just been replaced.
		if ttl, ok := dig(records[0], "TTL").(int); !ok || ttl > 10 {
			say(templateFile, "%s is remembered for %v s", registry.name, dig(records[0], "TTL"))
		}
		if registry.text("DnsConfig", "RoutingPolicy") != "MULTIVALUE" || registry.property("HealthCheckCustomConfig") == nil {
			say(templateFile, "%s does not leave out unhealthy tasks", registry.name)
		}
		if got := t.render(dig(t.outputs[strings.ToUpper(name[:1])+name[1:]+"RegistryArn"], "Value"), anyWorld()); got != "<"+registry.name+".Arn>" {
			say(templateFile, "the registry of %s is not in the outputs", name)
		}
	}
	slices.Sort(found)
	if want := slices.Sorted(slices.Values(names)); !slices.Equal(found, want) {
		say(templateFile, "there are registries of %v, not of %v", found, want)
	}
}

// outputs are the tutorial's, and what the scripts need besides.
var outputs = []string{
	"ALBArn", "ApiRegistryArn", "ClusterName", "DataVolumeId", "ECSRole", "ListenerArn", "PostsRegistryArn", "ThreadsRegistryArn", "Url", "UsersRegistryArn", "VPCId",
}

// checkOutputs also looks at the parameters: the tutorial's names, and those of the volume.
func checkOutputs(s *set, say report) {
	if got := slices.Sorted(maps.Keys(s.template.outputs)); !slices.Equal(got, outputs) {
		say(templateFile, "the outputs are %v, not %v", got, outputs)
	}
	parameters := []string{"AlarmEmail", "DataVolumeId", "DataVolumeSize", "DataVolumeZone", "DesiredCapacity", "ECSAMI", "InstanceType", "MaxSize"}
	if got := slices.Sorted(maps.Keys(s.template.parameters)); !slices.Equal(got, parameters) {
		say(templateFile, "the parameters are %v, not %v", got, parameters)
	}
	for name, p := range s.template.parameters {
		if dig(p, "Default") == nil {
			say(templateFile, "the parameter %s has no default", name)
		}
	}
}
