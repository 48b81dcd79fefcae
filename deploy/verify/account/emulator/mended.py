"""Where moto does less than AWS, in what deploy/ecs relies on."""

import os

from moto.cloudformation import parsing
from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_block_store import Volume
from moto.ec2.models.internet_gateways import InternetGateway
from moto.ec2.models.route_tables import Route, RouteTable
from moto.ec2.models.subnets import Subnet, SubnetRouteTableAssociation
from moto.ec2.models.vpn_gateway import VPCGatewayAttachment
from moto.ecr.models import Repository
from moto.ecs.models import Cluster
from moto.elbv2.models import FakeLoadBalancer

# --- CloudFormation: what moto creates and does not delete with the stack.


def deletes(model):
    """Has CloudFormation delete a resource with the function, which gets EC2's backend."""

    def give(function):
        model.delete = lambda self, account, region: function(self, ec2_backends[account][region])
        return function

    return give


@deletes(VPCGatewayAttachment)
def delete_attachment(attachment, ec2):
    for gateway in ec2.internet_gateways.values():
        if gateway.vpc and gateway.vpc.id == attachment.vpc_id:
            gateway.vpc = None


@deletes(InternetGateway)
def delete_gateway(gateway, ec2):
    ec2.delete_internet_gateway(gateway.id)


@deletes(Route)
def delete_route(route, ec2):
    if route.route_table.id in ec2.route_tables:  # else it went with its table
        ec2.delete_route(route.route_table.id, route.destination_cidr_block)


@deletes(SubnetRouteTableAssociation)
def delete_association(association, ec2):
    table = ec2.route_tables.get(association.route_table_id)
    if table:  # else it went with its table
        for key in [key for key, of in table.associations.items() if of == association.subnet_id]:
            ec2.disassociate_route_table(key)


@deletes(RouteTable)
def delete_table(table, ec2):
    ec2.delete_route_table(table.id)


def delete_cluster(self, account_id, region_name):
    # As ECS has it: a cluster with services or instances cannot be deleted.
    if self._backend_of(account_id, region_name).container_instances.get(self.name):
        raise ValueError(f"the cluster {self.name} has container instances")
    self._backend_of(account_id, region_name).delete_cluster(self.name)


def ecs_backend_of(self, account_id, region_name):
    from moto.ecs.models import ecs_backends

    return ecs_backends[account_id][region_name]


Cluster._backend_of = ecs_backend_of
Cluster.delete = delete_cluster

# --- CloudFormation: what moto leaves out.


def volume_as_asked(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    """moto leaves a volume's type, encryption and tags out."""
    properties = cloudformation_json["Properties"]
    backend = ec2_backends[account_id][region_name]
    volume = backend.create_volume(
        size=int(properties["Size"]), zone_name=properties["AvailabilityZone"],
        encrypted=properties.get("Encrypted", False), volume_type=properties.get("VolumeType"),
    )  # fmt: skip
    backend.create_tags([volume.id], {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])})
    return volume


Volume.create_from_cloudformation_json = classmethod(volume_as_asked)


def with_attribute(model, name, value):
    """Lets a template get an attribute that moto knows of and does not give."""
    before = model.get_cfn_attribute
    model.get_cfn_attribute = lambda self, attribute: value(self) if attribute == name else before(self, attribute)


with_attribute(Subnet, "AvailabilityZone", lambda subnet: subnet.availability_zone)
with_attribute(FakeLoadBalancer, "LoadBalancerFullName", lambda balancer: balancer.arn.split(":loadbalancer/")[1])


clean = parsing.clean_json


def clean_in_region(resource_json, resources_map):
    """moto takes Fn::GetAZs of "" for the zones of us-east-1."""
    if resource_json == {"Fn::GetAZs": ""}:
        resource_json = {"Fn::GetAZs": resources_map["AWS::Region"]}
    return clean(resource_json, resources_map)


parsing.clean_json = clean_in_region


def refuse(text):
    raise ValueError(text)


# moto goes on without an attribute that it does not give; here that is a failure.
parsing.logger.warning = refuse

execute = CloudFormationBackend.execute_change_set


def execute_and_give_outputs(self, change_set_name, stack_name=None):
    """moto gives outputs and description of the template that the stack had before."""
    execute(self, change_set_name, stack_name)
    stack = self.get_stack(stack_name or self.describe_change_set(change_set_name).stack_name)
    stack._parse_template()
    stack.description = stack.template_dict.get("Description")
    stack.output_map = stack._create_output_map()


CloudFormationBackend.execute_change_set = execute_and_give_outputs

# --- CloudFormation: an update that changes nothing is a change set that failed, which
# `aws cloudformation deploy` takes as it is meant.

validate = CloudFormationResponse._validate_different_update
CloudFormationResponse._validate_different_update = lambda self, *of: (
    None if self._get_action() == "CreateChangeSet" else validate(self, *of)
)
# A parameter that has its default's value is not another one.
Stack.has_parameters = lambda self, other: all(str(self.stack_parameters.get(key)) == str(other[key]) for key in other)

# --- ECR: the registry is on this machine.

make = Repository.__init__


def make_here(self, *given, **named):
    make(self, *given, **named)
    self.uri = f"{os.environ['EMULATED_REGISTRY']}/{self.name}"


Repository.__init__ = make_here
