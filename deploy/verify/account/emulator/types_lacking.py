"""The CloudFormation types that moto lacks. Each makes the thing in moto's own backend of
the service, so that it is there for whoever looks, and is missed if it is not deleted."""

import warnings

from moto.cloudwatch.models import MetricDataQuery, Metric, MetricStat, Dimension, cloudwatch_backends
from moto.core.common_models import CloudFormationModel
from moto.logs.models import logs_backends
from moto.core.utils import pascal_to_camelcase
from moto.route53.models import route53_backends
from moto.servicediscovery.models import servicediscovery_backends
from moto.sns.models import sns_backends

# moto leaves a resource out whose type it does not know; here that is a failure.
warnings.filterwarnings("error", message="Tried to parse")


def take(properties, *known):
    """Gives the properties by their names, and refuses those that nobody takes."""
    unknown = set(properties) - set(known)
    if unknown:
        raise ValueError(f"properties that are not emulated: {', '.join(sorted(unknown))}")
    return [properties.get(name) for name in known]


def tags_of(tags):
    return [{"Key": t["Key"], "Value": t["Value"]} for t in tags or []]


class Made:
    """What all of the types have in common: an id, attributes, made anew when changed."""

    backends = None
    attributes = ()

    def __init__(self, backend, identifier, got):
        self.backend = backend
        self.physical_resource_id = identifier
        self.got = got

    @staticmethod
    def cloudformation_name_type():
        return ""

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr in cls.attributes

    def get_cfn_attribute(self, attr):
        return self.got[attr]

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        backend = cls.backends[account_id][region_name]
        return cls(backend, *cls.make(backend, resource_name, cloudformation_json.get("Properties", {})))

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
        original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def delete(self, account_id, region_name):
        self.unmake()

    def is_created(self):
        return True


class Namespace(Made, CloudFormationModel):
    backends = servicediscovery_backends
    attributes = ("Id", "Arn", "HostedZoneId")

    @staticmethod
    def cloudformation_type():
        return "AWS::ServiceDiscovery::PrivateDnsNamespace"

    @staticmethod
    def make(backend, resource_name, properties):
        name, vpc, description, tags, settings = take(properties, "Name", "Vpc", "Description", "Tags", "Properties")
        done = backend.create_private_dns_namespace(name, "", description or "", vpc, tags_of(tags), settings or {})
        made = backend.get_namespace(backend.get_operation(done).targets["NAMESPACE"])
        return made.id, {"Id": made.id, "Arn": made.arn, "HostedZoneId": made.dns_properties["HostedZoneId"]}

    def unmake(self):
        left = [s.name for s in self.backend.services.values() if s.namespace_id == self.physical_resource_id]
        if left:
            raise ValueError(f"the namespace has services: {left}")
        self.backend.delete_namespace(self.physical_resource_id)
        route53_backends[self.backend.account_id]["aws"].delete_hosted_zone(self.got["HostedZoneId"])


class Registry(Made, CloudFormationModel):
    backends = servicediscovery_backends
    attributes = ("Id", "Arn", "Name")

    @staticmethod
    def cloudformation_type():
        return "AWS::ServiceDiscovery::Service"

    @staticmethod
    def make(backend, resource_name, properties):
        name, namespace, description, dns, custom, tags = take(
            properties, "Name", "NamespaceId", "Description", "DnsConfig", "HealthCheckCustomConfig", "Tags"
        )
        namespace = namespace or dns["NamespaceId"]
        made = backend.create_service(name, namespace, "", description or "", dns, None, custom, tags_of(tags), None)
        return made.id, {"Id": made.id, "Arn": made.arn, "Name": made.name}

    def unmake(self):
        # As the service has it: a service that has instances cannot be deleted.
        left = [i.instance_id for i in self.backend.list_instances(self.physical_resource_id)]
        if left:
            raise ValueError(f"the service has instances: {left}")
        self.backend.delete_service(self.physical_resource_id)


class Alarm(Made, CloudFormationModel):
    backends = cloudwatch_backends
    attributes = ("Arn",)

    @staticmethod
    def cloudformation_type():
        return "AWS::CloudWatch::Alarm"

    @staticmethod
    def make(backend, resource_name, properties):
        (name, namespace, metric, operator, periods, period, threshold, statistic, description, dimensions, actions, queries,
         datapoints, extended, ok, insufficient, unit, enabled, missing, tags) = take(
            properties, "AlarmName", "Namespace", "MetricName", "ComparisonOperator", "EvaluationPeriods", "Period", "Threshold",
            "Statistic", "AlarmDescription", "Dimensions", "AlarmActions", "Metrics", "DatapointsToAlarm", "ExtendedStatistic",
            "OKActions", "InsufficientDataActions", "Unit", "ActionsEnabled", "TreatMissingData", "Tags",
        )  # fmt: skip
        made = backend.put_metric_alarm(
            name=name or resource_name, namespace=namespace, metric_name=metric, metric_data_queries=[query_of(q) for q in queries or []],
            comparison_operator=operator, evaluation_periods=periods, datapoints_to_alarm=datapoints, period=period,
            threshold=threshold, statistic=statistic, extended_statistic=extended, description=description or "",
            dimensions=dimensions or [], alarm_actions=actions or [],
            ok_actions=ok, insufficient_data_actions=insufficient, unit=unit, actions_enabled=enabled is not False,
            treat_missing_data=missing, tags=tags_of(tags),
        )  # fmt: skip
        return made.name, {"Arn": made.alarm_arn}

    def unmake(self):
        self.backend.delete_alarms([self.physical_resource_id])


def query_of(query):
    identifier, expression, label, returned, stat, every = take(query, "Id", "Expression", "Label", "ReturnData", "MetricStat", "Period")
    if stat is not None:
        metric, period, statistic, unit = take(stat, "Metric", "Period", "Stat", "Unit")
        name, namespace, dimensions = take(metric, "MetricName", "Namespace", "Dimensions")
        stat = MetricStat(
            Metric(name, namespace, [Dimension(d["Name"], d["Value"]) for d in dimensions or []]), str(period), statistic, unit
        )
    return MetricDataQuery(identifier, label or "", every, returned is not False, expression, stat)


class MetricFilter(Made, CloudFormationModel):
    backends = logs_backends

    @staticmethod
    def cloudformation_type():
        return "AWS::Logs::MetricFilter"

    @staticmethod
    def make(backend, resource_name, properties):
        name, pattern, group, metrics = take(properties, "FilterName", "FilterPattern", "LogGroupName", "MetricTransformations")
        if group not in backend.groups:
            raise ValueError(f"there is no log group {group}")
        name = name or resource_name
        metrics = [{pascal_to_camelcase(key): value for key, value in m.items()} for m in metrics]
        backend.put_metric_filter(name, pattern, group, metrics)
        return name, {"group": group}

    def unmake(self):
        self.backend.delete_metric_filter(self.physical_resource_id, self.got["group"])


class Subscription(Made, CloudFormationModel):
    backends = sns_backends

    @staticmethod
    def cloudformation_type():
        return "AWS::SNS::Subscription"

    @staticmethod
    def make(backend, resource_name, properties):
        topic, protocol, endpoint = take(properties, "TopicArn", "Protocol", "Endpoint")
        return backend.subscribe(topic, endpoint, protocol).arn, {}

    def unmake(self):
        self.backend.unsubscribe(self.physical_resource_id)
