"""All that there is in the account, in every region, as lines: what it is, and which."""

from moto.autoscaling.models import autoscaling_backends
from moto.cloudformation.models import cloudformation_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.ecr.models import ecr_backends
from moto.ecs.models import ecs_backends
from moto.elbv2.models import elbv2_backends
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends
from moto.route53.models import route53_backends
from moto.servicediscovery.models import servicediscovery_backends
from moto.sns.models import sns_backends


def of_ec2(ec2):
    kinds = {
        "vpc": ec2.vpcs, "subnet": {s.id: s for zone in ec2.subnets.values() for s in zone.values()},
        "security-group": {g.id: g for of in ec2.groups.values() for g in of.values()},
        "internet-gateway": ec2.internet_gateways, "route-table": ec2.route_tables, "network-interface": ec2.enis,
        "launch-template": ec2.launch_templates, "volume": ec2.volumes, "address": {a.public_ip: a for a in ec2.addresses},
        "instance": {i.id: i for i in ec2.all_instances() if i.state != "terminated"},
    }  # fmt: skip
    return [f"ec2 {kind} {key}" for kind, things in kinds.items() for key in things]


def of_elbv2(elbv2):
    balancers = elbv2.load_balancers
    return (
        [f"elbv2 load-balancer {arn}" for arn in balancers]
        + [f"elbv2 listener {arn}" for b in balancers.values() for arn in b.listeners]
        + [f"elbv2 target-group {arn}" for arn in elbv2.target_groups]
    )


def of_ecs(ecs):
    # A deleted cluster stays as an inactive one, in ECS too.
    return (
        [f"ecs cluster {c.name}" for c in ecs.clusters.values() if c.status == "ACTIVE"]
        + [f"ecs container-instance {key}" for of in ecs.container_instances.values() for key in of]
        + [f"ecs task-definition {family}:{revision}" for family, of in ecs.task_definitions.items() for revision in of]
    )


def of_logs(logs):
    return [f"logs group {name}" for name in logs.groups] + [
        f"logs metric-filter {f['filterName']}" for f in logs.filters.metric_filters
    ]


def of_servicediscovery(cloudmap):
    return (
        [f"servicediscovery namespace {n.name}" for n in cloudmap.namespaces.values()]
        + [f"servicediscovery service {s.name}" for s in cloudmap.services.values()]
        + [f"servicediscovery instance {i.instance_id}" for s in cloudmap.services.values() for i in s.instances]
    )


def of_iam(iam):
    return (
        [f"iam role {r.name}" for r in iam.roles.values()]
        + [f"iam instance-profile {p.name}" for p in iam.instance_profiles.values()]
        + [f"iam policy {p.name}" for p in iam.managed_policies.values() if ":aws:policy/" not in p.arn]
    )


REGIONAL = [
    (ec2_backends, of_ec2),
    (elbv2_backends, of_elbv2),
    (ecs_backends, of_ecs),
    (logs_backends, of_logs),
    (servicediscovery_backends, of_servicediscovery),
    (ecr_backends, lambda ecr: [f"ecr repository {name}" for name in ecr.repositories]),
    (autoscaling_backends, lambda asg: [f"autoscaling group {name}" for name in asg.autoscaling_groups]),
    (cloudwatch_backends, lambda watch: [f"cloudwatch alarm {name}" for name in watch.alarms]),
    (sns_backends, lambda sns: [f"sns topic {arn}" for arn in sns.topics] + [f"sns subscription {arn}" for arn in sns.subscriptions]),
    (cloudformation_backends, lambda cfn: [f"cloudformation stack {s.name}" for s in cfn.stacks.values()]),
]


def lines(region):
    found = []
    for backends, of in REGIONAL:
        account = backends[DEFAULT_ACCOUNT_ID]
        for each in (region, "us-east-1"):
            account[each]  # what a region begins with is made when it is first asked for
        for name, backend in account.items():
            found += [f"{name} {line}" for line in of(backend)]
    found += [f"global route53 zone {key}" for key in route53_backends[DEFAULT_ACCOUNT_ID]["aws"].zones]
    found += [f"global {line}" for line in of_iam(iam_backends[DEFAULT_ACCOUNT_ID]["aws"])]
    return sorted(found)
