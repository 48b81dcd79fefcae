"""What an instance does when it boots, as its user data says, and when it is terminated."""

import base64
import json
import re

from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance
from moto.ecs.models import ecs_backends

# What the user data has to say; the emulation can run none of it.
CLUSTER = re.compile(r"^\s*ECS_CLUSTER=([\w-]+)$", re.MULTILINE)
ATTRIBUTES = re.compile(r"ECS_INSTANCE_ATTRIBUTES=(\{.*?\})")
VOLUME = re.compile(r"\bVOLUME=(vol-[0-9a-f]+)\b")

# What the ECS agent finds on the instances that the template allows.
RESOURCES = {"t3.medium": {"CPU": 2048, "MEMORY": 3500}}


def backends():
    for region, ec2 in ec2_backends[DEFAULT_ACCOUNT_ID].items():
        yield ec2, ecs_backends[DEFAULT_ACCOUNT_ID][region]


def boot():
    """Boots what has not booted yet, and says what it did."""
    booted = []
    for ec2, ecs in backends():
        for instance in ec2.all_running_instances():
            known = [ci.ec2_instance_id for of in ecs.container_instances.values() for ci in of.values()]
            if instance.id not in known:
                booted.append(boot_one(ec2, ecs, instance))
    return booted


def boot_one(ec2, ecs, instance):
    data = base64.b64decode(str(instance.user_data)).decode()
    cluster, attributes, volume = CLUSTER.search(data), ATTRIBUTES.search(data), VOLUME.search(data)
    if not (cluster and attributes and volume):
        raise ValueError(f"the user data names no cluster, no attributes or no volume:\n{data}")
    volume = ec2.get_volume(volume.group(1))
    if volume.zone.name != str(instance.placement):
        raise ValueError(f"{volume.id} is in {volume.zone.name}, {instance.id} in {instance.placement!s}")
    ec2.attach_volume(volume.id, instance.id, "/dev/xvdf")
    host = ecs.register_container_instance(cluster.group(1), instance.id)
    host.attributes.update(json.loads(attributes.group(1).replace("\\", "")))
    for resource in host.registered_resources + host.remaining_resources:
        of = RESOURCES[str(instance.instance_type)]
        if resource["name"] in of:
            resource["integerValue"] = of[resource["name"]]
    return {"instance": instance.id, "cluster": cluster.group(1), "volume": volume.id, "attributes": host.attributes}


terminate = Instance.terminate


def terminate_and_let_go(self):
    """Termination detaches the volumes that are not the instance's own, and ECS notices."""
    for ec2, ecs in backends():
        if ec2 is not self.ec2_backend:
            continue
        for volume in ec2.volumes.values():
            if volume.attachment and volume.attachment.instance.id == self.id and volume.attachment.device == "/dev/xvdf":
                ec2.detach_volume(volume.id, self.id, "/dev/xvdf")
        for of in ecs.container_instances.values():
            for key in [key for key, ci in of.items() if ci.ec2_instance_id == self.id]:
                del of[key]
    for interface in self.nics.values():
        interface.delete_on_termination = True  # the instance was launched with it
    return terminate(self)


Instance.terminate = terminate_and_let_go
