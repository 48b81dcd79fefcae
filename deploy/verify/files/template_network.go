package files

import (
	"fmt"
	"slices"
)

// Docker gives a task's port a host port from the kernel's range, which begins at 32768,
// or from its own, which ends at 65535.
const firstTaskPort, lastTaskPort = 32768, 65535

// checkNetwork wants port 80 open to the world, the tasks' ports to the load balancer and
// to each other, and nothing else; and two zones, whichever one the volume is in.
func checkNetwork(s *set, say report) {
	t := s.template
	balancer := t.the("AWS::ElasticLoadBalancingV2::LoadBalancer", say)
	front := t.resource(trim(balancer.text("SecurityGroups", 0)), anyWorld())
	instance := t.resource(trim(t.the("AWS::EC2::LaunchTemplate", say).text("LaunchTemplateData", "SecurityGroupIds", 0)), anyWorld())
	if rules := t.ingress(front); len(rules) != 1 || rules[0] != "tcp 80-80 from 0.0.0.0/0" {
		say(templateFile, "the load balancer lets in %v, not tcp 80 from anywhere alone", rules)
	}
	tasks := fmt.Sprintf("tcp %d-%d from ", firstTaskPort, lastTaskPort)
	want := []string{tasks + "<" + front.name + ">", tasks + "<" + instance.name + ">"}
	rules := t.ingress(instance)
	slices.Sort(rules)
	if slices.Sort(want); !slices.Equal(rules, want) {
		say(templateFile, "the instances let in %v, not the tasks' ports from the load balancer and from each other alone: %v", rules, want)
	}
	for _, e := range list(front.property("SecurityGroupEgress")) {
		if span(e) != fmt.Sprintf("tcp %d-%d", firstTaskPort, lastTaskPort) {
			say(templateFile, "the load balancer does not reach the tasks' ports: %v", span(e))
		}
	}
	for _, w := range worlds() {
		one, two := t.zones(w)
		wanted := w.parameters["DataVolumeZone"]
		if wanted != "" && one != wanted || one == two || !slices.Contains(w.zones, two) {
			say(templateFile, "in %v with DataVolumeZone %q the subnets are in %q and %q", w.zones, wanted, one, two)
		}
	}
}

func trim(reference string) string {
	if len(reference) < 2 {
		return reference
	}
	return reference[1 : len(reference)-1]
}

// ingress gives a security group's rules, its own and those beside it.
func (t *template) ingress(group resource) []string {
	var rules []string
	from := func(rule any) {
		source := dig(rule, "CidrIp")
		if source == nil {
			source = dig(rule, "SourceSecurityGroupId")
		}
		rules = append(rules, fmt.Sprintf("%s from %v", span(rule), source))
	}
	for _, rule := range list(group.property("SecurityGroupIngress")) {
		from(rule)
	}
	for _, r := range t.ofType("AWS::EC2::SecurityGroupIngress") {
		if r.text("GroupId") == "<"+group.name+">" {
			from(r.body)
		}
	}
	return rules
}

func span(rule any) string {
	return fmt.Sprintf("%v %v-%v", dig(rule, "IpProtocol"), dig(rule, "FromPort"), dig(rule, "ToPort"))
}

// zones gives the availability zones of the two subnets.
func (t *template) zones(w world) (one, two string) {
	return t.resource("PublicSubnetOne", w).text("AvailabilityZone"), t.resource("PublicSubnetTwo", w).text("AvailabilityZone")
}

// worlds are regions as accounts see them, with every zone for the volume.
func worlds() []world {
	var all []world
	for region, letters := range map[string][]string{
		"us-east-1":      {"abcdef"},
		"eu-central-1":   {"abc"},
		"ap-northeast-1": {"acd"},      // newer accounts have no b
		"us-west-1":      {"ac", "bc"}, // each account has two of three
	} {
		for _, some := range letters {
			var zones []string
			for _, letter := range some {
				zones = append(zones, region+string(letter))
			}
			all = append(all, world{region: region, zones: zones})
			for _, z := range zones {
				all = append(all, world{region: region, zones: zones, parameters: map[string]string{"DataVolumeZone": z}})
			}
		}
	}
	return all
}
