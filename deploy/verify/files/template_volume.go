package files

import (
	"fmt"
	"slices"
)

const (
	mountPoint      = "/var/lib/splitboard" // of the data volume, on the instance
	storesAttribute = "splitboard.stores"   // of an instance that has mounted it
)

// checkDataVolume wants the volume to be encrypted, to outlive the stack, to be found
// again, and to be where its instance is.
func checkDataVolume(s *set, say report) {
	t := s.template
	v := t.the("AWS::EC2::Volume", say)
	for _, policy := range []string{"DeletionPolicy", "UpdateReplacePolicy"} {
		if v.all[policy] != "Retain" {
			say(templateFile, "the data volume's %s is %v, not Retain", policy, v.all[policy])
		}
	}
	if v.property("Encrypted") != true || v.text("VolumeType") != "gp3" {
		say(templateFile, "the data volume is not an encrypted gp3")
	}
	if !slices.ContainsFunc(list(v.property("Tags")), func(tag any) bool {
		return dig(tag, "Key") == "splitboard:stack" && dig(tag, "Value") == "STACK"
	}) {
		say(templateFile, "the data volume has no tag splitboard:stack with the stack's name, so the next stack cannot find it")
	}
	group := t.the("AWS::AutoScaling::AutoScalingGroup", say)
	subnets := texts(group.property("VPCZoneIdentifier"))
	if len(subnets) == 0 {
		say(templateFile, "an instance can start in any zone")
	}
	for _, w := range worlds() {
		for _, subnet := range subnets {
			zone, instances := t.resource(v.name, w).text("AvailabilityZone"), t.resource(trim(subnet), w).text("AvailabilityZone")
			if zone != instances {
				say(templateFile, "the data volume is in %s, and an instance can start in %s: it could not attach it", zone, instances)
			}
		}
	}
	if group.text("MaxSize") != "1" || fmt.Sprint(dig(t.parameters["MaxSize"], "MaxValue")) != "1" {
		say(templateFile, "there can be more than one instance, and only one of them can have the data volume")
	}
	if p := group.property("InstanceMaintenancePolicy"); dig(p, "MinHealthyPercentage") != 0 || dig(p, "MaxHealthyPercentage") != 100 {
		say(templateFile, "an instance could be started before the one that it replaces has let the data volume go")
	}
	const given = "vol-0123456789abcdef0"
	reuse := anyWorld()
	reuse.parameters = map[string]string{"DataVolumeId": given}
	if v.all["Condition"] != "NewDataVolume" || t.render(t.conditions["NewDataVolume"], reuse) != false {
		say(templateFile, "a new data volume is made although there is one")
	}
	for _, c := range []struct {
		w    world
		want string
	}{{anyWorld(), "<" + v.name + ">"}, {reuse, given}} {
		if got := t.render(dig(t.outputs["DataVolumeId"], "Value"), c.w); got != c.want {
			say(templateFile, "the output DataVolumeId is %v, not %v", got, c.want)
		}
		if got := t.stores(c.w, say).volume; got != c.want {
			say(templateFile, "the instance mounts %v, not %v", got, c.want)
		}
	}
}
